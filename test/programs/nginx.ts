// nginx, master and workers, in a host: its own configuration and files in the scratch directory.
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../helpers/commands.ts';
import type { Host } from '../helpers/host.ts';
import type { Spawned } from '../helpers/namespace-host.ts';
import { get } from './web.ts';

export const nginxPort = 8080;

export interface Nginx extends Spawned {
  readonly directory: string;
  /** What / answers. */
  readonly page: string;
  /** Writes a configuration in which /version answers `version`; SIGHUP makes it valid. */
  configure(version: string): void;
}

function configuration(directory: string, version: string): string {
  return `
worker_processes 2;
user root;
daemon off;
pid ${directory}/nginx.pid;
error_log ${directory}/error.log;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path ${directory}/body;
  proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi;
  uwsgi_temp_path ${directory}/uwsgi;
  scgi_temp_path ${directory}/scgi;
  server {
    listen ${nginxPort};
    listen [::]:${nginxPort};
    root ${directory}/html;
    keepalive_requests 1000000;
    location = /version { return 200 "${version}"; }
    location = /worker { return 200 "$pid"; }
  }
}
`;
}

export async function startNginx(host: Host): Promise<Nginx> {
  const directory = mkdtempSync(join(host.scratch, 'nginx-'));
  const page = 'a page of some length '.repeat(100);
  const configure = (version: string): void => {
    writeFileSync(join(directory, 'nginx.conf'), configuration(directory, version));
  };
  mkdirSync(join(directory, 'html'));
  writeFileSync(join(directory, 'html/index.html'), page);
  configure('first');
  const args = ['-c', join(directory, 'nginx.conf'), '-p', directory, '-e', join(directory, 'error.log')];
  const spawned = await host.spawn('nginx', args);
  await until(
    () => `nginx answers; it said: ${spawned.log()}${spawned.errors()}`,
    async () => (await get(host, nginxPort).catch(() => '')) === page,
  );
  return { ...spawned, directory, page, configure };
}
