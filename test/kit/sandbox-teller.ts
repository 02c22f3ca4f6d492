/** A process that runs one step in a sandbox and prints what the step found: `sandbox-teller.ts DATA`. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openRealSandbox } from './real-sandbox.ts'
import { jobOptions, shellStep } from './sandbox-suite.ts'

const TELLING = `
export -p; id; pwd; echo umask $(umask); hostname; uname -n; nproc; ulimit -n; ulimit -c; date -d @0; locale 2>/dev/null
python3 -c 'import os, getpass, socket, time; print(os.cpu_count(), getpass.getuser(), socket.gethostname(), time.tzname, os.path.expanduser("~"))'
mkdir work/made; touch work/made/file; stat -c '%n %a %u %g %y' source source/* inputs tools work work/made/file
cat /etc/passwd /etc/group /etc/hosts /etc/resolv.conf; ls /; ls /etc; ls /dev; ls -A /tmp /build /build/work/home /run /run/pyrsia
ls /proc/self/fd | wc -l; cat /sys/devices/system/cpu/online; cat /proc/self/oom_score_adj; nice`

const [data = ''] = process.argv.slice(2)
const { sandbox } = await openRealSandbox(data)
await using job = await sandbox.job(jobOptions())
await job.write('source/written', Buffer.from('x'))
// As a checkout would: in the folder itself, by the rules for checkouts.
process.umask(0o022)
mkdirSync(join(job.directory, 'source/folder'))
writeFileSync(join(job.directory, 'source/put'), 'x', { mode: 0o755 })
const step = shellStep(
  'tell',
  TELLING.replace('work/made/file;', 'work/made/file; touch -d @981173106 work/made/file work work/made;'),
)
const { log, exitCode, failure } = await job.run(step, new AbortController().signal)
process.stdout.write(`${log}${exitCode} ${failure}\n`)
