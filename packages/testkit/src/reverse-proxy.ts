import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { freePort } from './free-port.ts';
import { waitFor } from './wait-for.ts';

export interface ReverseProxyOptions {
  /** The server behind it, as in `http://127.0.0.1:3000`. */
  readonly target: string;
  /** Below which it is reached, as in `/ops`. */
  readonly path: string;
  /** Whether the path is taken off before a request goes on. */
  readonly strips: boolean;
}

export interface ReverseProxy {
  readonly url: string;
  stop(): Promise<void>;
}

/** Whether a real nginx is here; without it there is still {@link startSmallProxy}. */
export const hasNginx: boolean = nginxPath() !== undefined;

/** A real nginx of the test's own, which says who the client is in `X-Forwarded-*`. */
export async function startNginx({ target, path, strips }: ReverseProxyOptions): Promise<ReverseProxy> {
  const nginx = nginxPath();
  if (nginx === undefined) throw new Error('nginx is not on PATH; install it (apt-get install nginx)');
  const port = await freePort();
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-nginx-'));
  const file = join(dir, 'nginx.conf');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${join(dir, name)};`,
  );
  await writeFile(
    file,
    `daemon off; master_process off; pid ${join(dir, 'pid')}; error_log ${join(dir, 'error.log')};
events {}
http {
  access_log off; ${temporary.join(' ')}
  server {
    listen 127.0.0.1:${port};
    location ${path}/ {
      proxy_pass ${target}${strips ? '/' : ''};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Forwarded-Proto $scheme;
    }
  }
}
`,
  );
  const child = spawn(nginx, ['-p', dir, '-c', file, '-e', join(dir, 'error.log')], { stdio: 'ignore' });
  const endWithUs = () => child.kill('SIGKILL');
  process.once('exit', endWithUs);
  const url = `http://127.0.0.1:${port}`;
  await waitFor(
    () =>
      fetch(`${url}/nothing`).then(
        () => true,
        () => false,
      ),
    { what: 'nginx to answer' },
  );
  return {
    url,
    stop: async () => {
      const gone = once(child, 'exit');
      if (child.exitCode === null && child.kill('SIGTERM')) await gone;
      process.off('exit', endWithUs);
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** A proxy in this process, which says who the client is in RFC 7239's `Forwarded`. */
export async function startSmallProxy({ target, path, strips }: ReverseProxyOptions): Promise<ReverseProxy> {
  const server = http.createServer((request, response) => {
    const asked = request.url ?? '/';
    if (!asked.startsWith(`${path}/`)) {
      response.writeHead(404).end();
      return;
    }
    const { host, ...headers } = request.headers;
    const forwarded = `for="${request.socket.remoteAddress}";host="${host}";proto=http`;
    const onward = http.request(
      `${target}${strips ? asked.slice(path.length) : asked}`,
      { method: request.method, headers: { ...headers, forwarded } },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function nginxPath(): string | undefined {
  for (const dir of [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']) {
    const file = join(dir, 'nginx');
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // not there
    }
  }
  return undefined;
}
