// What `receive` starts for each migration: a worker with the sessions that restore trees and settle doubts.
import { keepToOneself } from './given-descriptors.ts';
import { WorkerInbox } from './worker-inbox.ts';

const inbox = new WorkerInbox(); // before everything else is loaded
const [{ targetSessions }, { serveWorker }] = await Promise.all([
  import('./receive.ts'),
  import('./worker.ts'),
]);
keepToOneself();
serveWorker(targetSessions, {}, inbox);
