// One virtual machine: qemu with software emulation, and the commands that run in it over virtio-serial. Ends with whoever started
// it, also when that is killed.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { CommandResult } from '../helpers/commands.ts';
import { until } from '../helpers/commands.ts';
import type { Images, KernelName } from './images.ts';

/** Emulated code runs 2 to 13 times slower, and other things run beside it. */
const commandTimeoutMs = 180_000;

export interface GuestOptions {
  readonly images: Images;
  readonly kernel: KernelName;
  /** 1 or 2: its name (vm1), its address (192.0.2.1), the end of the cable that it holds. */
  readonly number: number;
  /** Sockets and logs of the bed. */
  readonly folder: string;
  /** Mounted at /shared in every machine of the bed. */
  readonly shared: string;
  readonly mib: number;
}

export class Guest {
  readonly kernel: KernelName;
  readonly address: string;
  readonly bootMs: number;
  readonly #children: readonly ChildProcess[];
  readonly #serial: Socket;
  readonly #console: string;
  readonly #waiting = new Map<string, (result: CommandResult) => void>();
  #next = 0;

  private constructor(
    options: GuestOptions,
    children: readonly ChildProcess[],
    serial: Socket,
    bootMs: number,
  ) {
    this.kernel = options.kernel;
    this.address = `192.0.2.${options.number}`;
    this.bootMs = bootMs;
    this.#children = children;
    this.#serial = serial;
    this.#console = consoleOf(options);
  }

  static async boot(options: GuestOptions): Promise<Guest> {
    const began = performance.now();
    const children = [startFileServer(options), await startQemu(options)];
    try {
      const serial = await connectTo(socketOf(options, 'serial'));
      const lines = createInterface({ input: serial });
      (lines as NodeJS.EventEmitter).on('error', () => undefined); // the socket's, which closes then
      await new Promise<void>((resolve, reject) => {
        const late = setTimeout(() => {
          reject(
            new Error(
              `vm${options.number} with Linux ${options.kernel} does not boot:\n${tail(consoleOf(options))}`,
            ),
          );
        }, 180_000);
        lines.once('line', () => {
          clearTimeout(late);
          resolve();
        });
        serial.once('close', () => {
          clearTimeout(late);
          reject(
            new Error(
              `vm${options.number} ended at once:\n${tail(join(options.folder, `qemu-${options.number}.log`))}${tail(consoleOf(options))}`,
            ),
          );
        });
      });
      const guest = new Guest(options, children, serial, performance.now() - began);
      lines.on('line', (line) => {
        guest.#answer(line);
      });
      serial.on('close', () => {
        guest.#lost();
      });
      return guest;
    } catch (error) {
      for (const child of children) child.kill('SIGKILL');
      throw error;
    }
  }

  /** Runs a shell command. A command that does not end in time is left to the machine's end. */
  async run(command: string, timeoutMs: number = commandTimeoutMs): Promise<CommandResult> {
    const id = String((this.#next += 1));
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.#waiting.delete(id);
        reject(
          new Error(`not within ${timeoutMs} ms on Linux ${this.kernel}: ${command}\n${this.console()}`),
        );
      }, timeoutMs);
      this.#waiting.set(id, (result) => {
        clearTimeout(late);
        resolve(result);
      });
      this.#serial.write(`${id} ${Buffer.from(command).toString('base64')}\n`);
    });
  }

  /** Runs a command that must succeed and gives back what it printed. */
  async mustRun(command: string, timeoutMs?: number): Promise<string> {
    const { code, stdout, stderr } = await this.run(command, timeoutMs);
    if (code !== 0)
      throw new Error(`${command} on Linux ${this.kernel}: ${String(code)}\n${stdout}${stderr}`);
    return stdout;
  }

  /** The last lines of its console. */
  console(): string {
    return tail(this.#console);
  }

  async end(): Promise<void> {
    this.#serial.destroy();
    await Promise.all(this.#children.map(endChild));
  }

  /** The machine is gone: whoever waits for it hears so. */
  #lost(): void {
    for (const answer of this.#waiting.values())
      answer({ code: null, signal: 'SIGKILL', stdout: '', stderr: `the machine ended:\n${this.console()}` });
    this.#waiting.clear();
  }

  #answer(line: string): void {
    const [id = '', code, stdout, stderr] = line.trim().split(' ');
    const text = (base64 = ''): string => Buffer.from(base64.replace(/\.$/, ''), 'base64').toString();
    this.#waiting.get(id)?.({ code: Number(code), signal: null, stdout: text(stdout), stderr: text(stderr) });
    this.#waiting.delete(id);
  }
}

const consoleOf = ({ folder, number }: GuestOptions): string => join(folder, `console-${number}.log`);
const socketOf = ({ folder, number }: GuestOptions, what: string): string =>
  join(folder, `${what}-${number}.sock`);

/** The kernel ends it when this thread ends (prctl(2), PR_SET_PDEATHSIG). */
function spawnBound(command: string, args: readonly string[], log: string): ChildProcess {
  const fd = openSync(log, 'a');
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', command, ...args], {
    stdio: ['ignore', fd, fd],
  });
  closeSync(fd);
  return child;
}

function startFileServer(options: GuestOptions): ChildProcess {
  const { images, shared, folder, number } = options;
  const args = [`--socket-path=${socketOf(options, 'files')}`, '-o', `source=${shared}`, '-o', 'cache=none'];
  return spawnBound(images.virtiofsd, args, join(folder, `files-${number}.log`));
}

async function startQemu(options: GuestOptions): Promise<ChildProcess> {
  const { images, kernel, number, folder, mib } = options;
  const { vmlinuz, initramfs } = images.kernels[kernel];
  const files = socketOf(options, 'files');
  await until(`${files}\n${tail(join(folder, `files-${number}.log`))}`, () => existsSync(files));
  const cable = `addr.type=unix,addr.path=${join(folder, 'cable.sock')}`;
  const args = [
    ...images.firmware.flatMap((path) => ['-L', path]),
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-accel', 'tcg,thread=multi'],
    ...['-machine', 'pc,memory-backend=memory', '-cpu', 'max', '-smp', '1', '-m', String(mib)],
    ...['-object', `memory-backend-memfd,id=memory,size=${mib}M,share=on`], // virtiofsd reads and writes it
    ...['-serial', `file:${consoleOf(options)}`],
    ...['-kernel', vmlinuz, '-initrd', initramfs],
    ...[
      '-append',
      `console=ttyS0 loglevel=4 panic=-1 random.trust_cpu=on tsc=unstable noautogroup godwit.host=${number}`,
    ],
    ...[
      '-drive',
      `file=${images.root},format=raw,if=none,id=root,readonly=on`,
      '-device',
      'virtio-blk-pci,drive=root',
    ],
    ...['-netdev', `stream,id=cable,${number === 1 ? 'server=on' : 'server=off,reconnect-ms=100'},${cable}`],
    ...['-device', `virtio-net-pci,netdev=cable,romfile=,mac=52:54:00:00:00:0${number}`],
    ...[
      '-device',
      'virtio-serial-pci',
      '-chardev',
      `socket,id=serial,path=${socketOf(options, 'serial')},server=on,wait=off`,
    ],
    ...['-device', 'virtserialport,chardev=serial,name=godwit'],
    ...['-chardev', `socket,id=files,path=${files}`, '-device', 'vhost-user-fs-pci,chardev=files,tag=shared'],
  ];
  const child = spawnBound(images.qemu, args, join(folder, `qemu-${number}.log`));
  const serial = socketOf(options, 'serial');
  await until(
    () => `qemu starts:\n${tail(join(folder, `qemu-${number}.log`))}`,
    () => {
      if (child.exitCode !== null)
        throw new Error(`qemu ended:\n${tail(join(folder, `qemu-${number}.log`))}`);
      return existsSync(serial);
    },
  );
  return child;
}

/** The socket is there a moment before anybody listens on it. */
async function connectTo(path: string): Promise<Socket> {
  return until(`qemu listens on ${path}`, async () => tryConnect(path), 60_000);
}

async function tryConnect(path: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      resolve(socket);
    });
    socket.on('error', () => {
      resolve(undefined); // errors of later are followed by 'close', which says it
    });
  });
}

async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise((resolve) => {
    child.once('exit', resolve);
    child.kill('SIGKILL');
  });
}

function tail(log: string): string {
  return existsSync(log) ? readFileSync(log, 'latin1').split('\n').slice(-30).join('\n') : '';
}
