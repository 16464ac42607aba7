// --keep-connections
import t from 'tap';
import { checkKeeping } from '../../../src/cli/keep-connections.ts';

t.test('an address either moves or is answered for', (t) => {
  t.doesNotThrow(() => {
    checkKeeping({ 'keep-connections': 'forward', 'move-ip': [] });
    checkKeeping({ 'keep-connections': 'address', 'move-ip': ['10.0.0.5'] });
  });
  t.throws(
    () => {
      checkKeeping({ 'keep-connections': 'forward', 'move-ip': ['10.0.0.5'] });
    },
    { code: 'USAGE' },
  );
  t.end();
});
