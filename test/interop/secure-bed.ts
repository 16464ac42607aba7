// A daemon that encrypts, with keys or with certificates of a CA made for the test.
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { native } from '../../src/native.ts';
import type { DaemonOptions } from '../../src/target/daemon.ts';
import type { Identity } from '../../src/target/security/identity.ts';
import type { Certificates } from '../../src/transport/security.ts';
import { parseKey } from '../../src/transport/transfer-key.ts';
import type { TransferKey } from '../../src/transport/transfer-key.ts';
import { mustRun } from '../helpers/commands.ts';
import { startBed } from './daemon-bed.ts';
import type { Bed } from './daemon-bed.ts';

export interface KeyedBed extends Bed {
  /** All that were given out. */
  readonly keys: TransferKey[];
}

export function makeIdentity(): Identity {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  return { key, certificate: native.selfSigned(key, 'test', 1) };
}

export async function startKeyed(
  t: Test,
  { uses, expiresMs, ...options }: Partial<DaemonOptions> & { uses?: number; expiresMs?: number } = {},
): Promise<KeyedBed> {
  const keys: TransferKey[] = [];
  const onKey = (key: string): void => void keys.push(parseKey(key, 'key'));
  const security = { kind: 'key', identity: makeIdentity(), uses, expiresMs, onKey } as const;
  return { ...(await startBed(t, { ...options, security })), keys };
}

/** A CA by openssl(1): there is no other use for one in this project. */
export class Authority {
  readonly #folder: string;
  readonly ca: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.ca = this.#read('ca-cert.pem');
  }

  static async make(t: Test): Promise<Authority> {
    const folder = mkdtempSync(join(tmpdir(), 'godwit-ca-'));
    t.teardown(() => {
      rmSync(folder, { recursive: true });
    });
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    const files = ['-keyout', join(folder, 'ca-key.pem'), '-out', join(folder, 'ca-cert.pem')];
    await mustRun('openssl', ['req', '-x509', ...curve, '-subj', '/CN=test CA', '-days', '2', ...files]);
    return new Authority(folder);
  }

  /** `days` may be in the past. */
  async sign(name: string, days = 2, ip = '127.0.0.1'): Promise<Identity> {
    const file = (suffix: string): string => join(this.#folder, `${name}.${suffix}`);
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    await mustRun('openssl', [
      'req',
      ...curve,
      '-subj',
      `/CN=${name}`,
      '-keyout',
      file('key'),
      '-out',
      file('csr'),
    ]);
    writeFileSync(
      file('ext'),
      `subjectAltName=IP:${ip},DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n`,
    );
    const [from, until] = days > 0 ? [-1, days] : [-3, days];
    const ca = [
      '-CA',
      join(this.#folder, 'ca-cert.pem'),
      '-CAkey',
      join(this.#folder, 'ca-key.pem'),
      '-CAcreateserial',
    ];
    const index = join(this.#folder, 'index');
    writeFileSync(index, '');
    writeFileSync(
      join(this.#folder, 'ca.cnf'),
      `[ca]\ndefault_ca=d\n[d]\ndatabase=${index}\nnew_certs_dir=${this.#folder}\nrand_serial=yes\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n`,
    );
    await mustRun('openssl', [
      ...[
        'ca',
        '-batch',
        '-config',
        join(this.#folder, 'ca.cnf'),
        '-cert',
        ca[1] ?? '',
        '-keyfile',
        ca[3] ?? '',
      ],
      ...['-in', file('csr'), '-out', file('crt'), '-extfile', file('ext'), '-notext'],
      ...['-startdate', asn1Time(from), '-enddate', asn1Time(until)],
    ]);
    return { certificate: this.#read(`${name}.crt`), key: this.#read(`${name}.key`) };
  }

  async client(name: string, days?: number): Promise<Certificates> {
    return { ca: this.ca, ...(await this.sign(name, days)) };
  }

  #read(name: string): string {
    return readFileSync(join(this.#folder, name), 'utf8');
  }
}

function asn1Time(days: number): string {
  const at = new Date(Date.now() + days * 86_400_000).toISOString();
  return `${at.slice(0, 19).replaceAll(/[-:T]/g, '')}Z`;
}
