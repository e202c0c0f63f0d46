import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * Ends the children when this process is killed and cannot do so itself. A small shell process of its own session reads the
 * children's ids from a pipe; the pipe closes when we are gone, however we went, and then it kills every child's process group.
 */
export interface Guard {
  watch(pid: number): void;
  forget(pid: number): void;
  /** Ends the guard; what it still watched is killed. */
  close(): Promise<void>;
}

const SCRIPT = `
trap '' HUP INT TERM
pids=' '
while read -r verb pid; do
  case $verb in
    watch) pids="$pids$pid " ;;
    forget) case $pids in *" $pid "*) pids="\${pids%% $pid *} \${pids#* $pid }" ;; esac ;;
  esac
done
for pid in $pids; do kill -s KILL -- "-$pid" 2>/dev/null; done
`;

export function startGuard(): Guard {
  const watched = new Set<number>();
  let closing = false;
  let shell = launch();

  function launch(): ChildProcess {
    const started = spawn('/bin/sh', ['-c', SCRIPT], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    started.on('error', relaunch);
    started.on('exit', relaunch);
    started.stdin?.on('error', () => {}); // it is gone; `exit` says so
    for (const pid of watched) started.stdin?.write(`watch ${pid}\n`);
    return started;
  }

  /** Somebody killed the guard: without one, children could be left behind. */
  function relaunch() {
    const again = () => {
      if (!closing) shell = launch();
    };
    setTimeout(again, 100).unref();
  }

  return {
    watch(pid) {
      watched.add(pid);
      shell.stdin?.write(`watch ${pid}\n`);
    },
    forget(pid) {
      watched.delete(pid);
      shell.stdin?.write(`forget ${pid}\n`);
    },
    async close() {
      closing = true;
      if (shell.exitCode !== null || shell.signalCode !== null) return;
      const gone = once(shell, 'exit');
      shell.stdin?.end();
      await gone;
    },
  };
}
