// Stands in for a part of the system: answers 200 on its port, and behaves as its arguments say.
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';

const [port, ...ways] = process.argv.slice(2);

if (ways.includes('exits-at-once')) {
  console.error('there is no way I could start');
  process.exit(3);
}
if (ways.includes('has-a-child')) {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' });
  console.log(`child ${child.pid}`);
}
if (ways.includes('ignores-sigterm')) process.on('SIGTERM', () => {});
else {
  process.on('SIGTERM', () => {
    console.log('SIGTERM');
    setTimeout(() => {
      console.log('drained');
      process.exit(0);
    }, 100);
  });
}
const status = ways.includes('is-never-ready') ? 503 : 200;
createServer((_request, response) => response.writeHead(status).end()).listen(Number(port), '127.0.0.1');
