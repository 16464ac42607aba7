// An agent to be killed: runs programs in a live process without end. Says where a thread that waits for it can be released.
import { Program } from '../../src/kernel/program.ts';
import { LiveProcess } from '../../src/kernel/live-process.ts';
import { stopTasks } from '../../src/kernel/stopped.ts';

const pid = Number(process.argv[2]);
for (;;) {
  using _stopped = stopTasks([pid]);
  const live = LiveProcess.open(pid, pid);
  process.stdout.write(`${live.releaseAddress}\n`);
  for (let i = 0; i < 50; i++) {
    const program = new Program();
    for (let call = 0; call < 20; call++) program.call('getpid');
    live.run(program);
  }
  live.close();
}
