/**
 * Builds that attack what runs them (D5, D6, E3 of the threat model), in the real sandbox: what they try is
 * refused or ended, said in the outcome and the log, and over in seconds. Root's sandbox is another than an ordinary user's: run as root, this
 * file runs itself as nobody too.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { AppError } from '../../src/base/errors.ts'
import type { JobLimits, SandboxJob, StepOutcome } from '../../src/sandbox/sandbox.ts'
import { needs, REPOSITORY, TOOL_PATH } from '../kit/needs.ts'
import { start } from '../kit/process.ts'
import { openRealSandbox, type RealSandbox } from '../kit/real-sandbox.ts'
import { jobOptions, shellStep } from '../kit/sandbox-suite.ts'

const MIB = 1_048_576
const never = new AbortController().signal

/** Runs words of a shell as a step, `seconds` at most. */
const attack = (job: SandboxJob, shell: string, seconds = 40): Promise<StepOutcome> =>
  job.run(shellStep('attack', shell, { timeoutSeconds: seconds }), never)

const python = (text: string): string => `python3 - <<'END'\n${text}\nEND\n`

function hostile(
  subject: string,
  run: (job: SandboxJob, real: RealSandbox) => Promise<void>,
  limits: Partial<JobLimits> = {},
): void {
  test(subject, { ...needs('bubblewrap', 'python3'), timeout: 180_000 }, async () => {
    await using real = await openRealSandbox()
    await using job = await real.sandbox.job(jobOptions(limits))
    await run(job, real)
  })
}

hostile('D5: a build reads neither the key nor the environment nor any file of the node', async (job, { data }) => {
  await writeFile(join(data, 'signing.key'), 'THE-KEY', { mode: 0o600 })
  process.env.PYRSIA_TEST_SECRET = 'THE-SECRET'
  const tries = await attack(
    job,
    `cat ${join(data, 'signing.key')} /proc/1/root${join(data, 'signing.key')} ${job.directory}/../../../../signing.key
     cat /proc/[0-9]*/environ /proc/self/environ | tr '\\0' '\\n'; env
     cat /etc/shadow /root/.ssh/* /home/*/.ssh/*; ls -la /root /home /data /work /var /srv /mnt /sys/class
     ls -d /proc/[0-9]*/cwd/../.. ; find / -name 'signing.key' -not -path '/proc/*'; true`,
  )
  delete process.env.PYRSIA_TEST_SECRET
  assert.equal(tries.exitCode, 0)
  assert.doesNotMatch(tries.log, /THE-KEY|THE-SECRET|PYRSIA/)
  assert.doesNotMatch(tries.log, /root:[$*!]/)
})

hostile('D5: a build sees no process but its own, and can signal and trace none of them', async (job) => {
  const seen = await attack(
    job,
    `ls /proc | grep -c '^[0-9]'; cat /proc/[0-9]*/cmdline | tr '\\0' ' '; kill -0 ${process.pid} && echo REACHED
     ${python(`
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for pid in [name for name in os.listdir('/proc') if name.isdigit()]:
    if open(f'/proc/{pid}/cmdline').read().startswith(('/run/pyrsia/node', '/usr/bin/bwrap')):
        pid = int(pid)
        print('TRACED' if libc.ptrace(16, pid, 0, 0) == 0 else 'untraced', pid)
`)}`,
  )
  assert.ok(Number.parseInt(seen.log, 10) <= 12, seen.log)
  assert.match(seen.log, /^untraced 1$/m)
  assert.doesNotMatch(seen.log, /^(?:REACHED|TRACED)|hostile-builds\.test/m)
})

hostile('D5: a build sees nothing of another job', async (job, { sandbox }) => {
  await using other = await sandbox.job(jobOptions())
  await other.write('out/marker-of-the-other', Buffer.from('x'))
  const found = await attack(
    job,
    `ls ${other.directory} ${job.directory}/.. /build/..; find / -name 'marker-of-*' -not -path '/proc/*'; ls /tmp /dev/shm`,
  )
  assert.doesNotMatch(found.log, /^marker|\/marker/m)
  assert.match(found.log, /cannot access/)
})

hostile('E3: a build reaches no network, not even what listens on its own machine', async (job) => {
  const server = createServer((_request, response) => response.end('REACHED'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  try {
    const tries = await attack(
      job,
      python(`
import socket, urllib.request
for host, port in [('127.0.0.1', ${port}), ('192.0.2.1', 80), ('169.254.169.254', 80), ('::1', ${port})]:
    try:
        socket.create_connection((host, port), 3)
        print('REACHED', host)
    except OSError as error: print(host, error.strerror)
for url in ['http://payload.example.org/x', 'http://127.0.0.1:4873/thing']:
    try: urllib.request.urlopen(url); print('REACHED', url)
    except Exception as error: print(url, error)
`),
    )
    assert.doesNotMatch(tries.log, /REACHED/)
    assert.match(tries.log, /192\.0\.2\.1 Network is unreachable/)
    assert.deepEqual([tries.exitCode, tries.failure], [0, 'network'], 'it fails although it swallowed the errors')
    assert.match(tries.log, /undeclared: the step asked for the address of payload\.example\.org/)
    assert.match(tries.log, /undeclared: the step asked for GET \/thing/)
  } finally {
    server.close()
  }
})

hostile('a build cannot write to the system, mount, make namespaces, or become anybody', async (job) => {
  const tries = await attack(
    job,
    `touch /usr/bin/x /etc/x /x /dev/x /run/x /run/pyrsia/x /sys/x && echo WROTE
     echo x > /etc/passwd && echo WROTE; for knob in /proc/sys/kernel/core_pattern /proc/sysrq-trigger /proc/sys/kernel/hostname; do true >> $knob && echo WROTE; done
     mount -t tmpfs none /tmp && echo MOUNTED; mount -o remount,rw /usr && echo MOUNTED; umount /build && echo MOUNTED
     unshare --user --map-root-user true && echo UNSHARED; unshare --net true && echo UNSHARED
     cp /bin/sh out/sh && chmod 4755 out/sh && out/sh -p -c 'id -u'; su -c id; chown 0 out/sh && echo CHOWNED
     mknod /build/out/disk b 254 0 && echo MADE; grep -E 'NoNewPrivs|CapEff|CapPrm|CapAmb|Seccomp:' /proc/self/status`,
  )
  assert.doesNotMatch(tries.log, /WROTE|MOUNTED|UNSHARED|CHOWNED|MADE|uid=0/)
  assert.match(tries.log, /^1000$/m)
  assert.match(tries.log, /CapPrm:\s+0+\nCapEff:\s+0+\nCapAmb:\s+0+\nNoNewPrivs:\s+1\nSeccomp:\s+2/)
})

hostile('a build cannot use keyrings or the calls that attacks on kernels need', async (job) => {
  const tries = await attack(
    job,
    python(`
import ctypes, errno, platform
libc = ctypes.CDLL(None, use_errno=True)
calls = [250, 248, 321, 323, 425] if platform.machine() == 'x86_64' else [219, 217, 280, 282, 425]
for call in calls:
    print(libc.syscall(call, 0, 0, 0, 0, 0), errno.errorcode[ctypes.get_errno()])
`),
  )
  assert.equal(tries.log, '-1 EPERM\n'.repeat(5))
})

hostile(
  'a fork bomb is ended and leaves nothing',
  async (job) => {
    const bomb = await attack(job, 'f() { f | f & }; f; sleep 30', 10)
    assert.equal(bomb.failure, 'processes', bomb.log.slice(-500))
    assert.match(bomb.log, /-- the step was ended: it had more processes than it may\n$/)
    assert.ok(bomb.durationMs < 10_000)
    assert.equal((await attack(job, 'true')).exitCode, 0)
  },
  { processCount: 100 },
)

hostile(
  'an endless log is cut, and the build that writes it goes on until its time is up',
  async (job) => {
    const endless = await attack(job, 'yes', 2)
    assert.equal(endless.failure, 'time')
    assert.match(endless.log, /-- further output was dropped/)
    assert.ok((await job.log()).length < 70_000)
  },
  { logBytes: 65_536 },
)

hostile(
  '100 GB of output end at the limit, whether in one file, in many, with holes, or in files without names',
  async (job) => {
    const sparse = await attack(job, 'truncate -s 100G out/sparse; ls -s out')
    assert.doesNotMatch(sparse.log, /[1-9]\d* sparse/)
    const one = await attack(job, 'dd if=/dev/zero of=out/one bs=1M count=100000')
    assert.notEqual(one.exitCode, 0)
    await attack(job, 'rm -rf out/*')
    const many = await attack(job, 'n=0; while n=$((n+1)); do head -c 4M /dev/zero > out/$n; done')
    assert.equal(many.failure, 'output')
    await attack(job, 'rm -rf out/*')
    const hidden = await attack(
      job,
      'mkdir -m 300 out/d; cd out/d; n=0; while n=$((n+1)); do head -c 4M /dev/zero > $n; done',
    )
    assert.equal(hidden.failure, 'output')
    await attack(job, 'chmod 700 out/d; rm -rf out/*')
    const nameless = await attack(
      job,
      python(`
import os
held = []
while True:
    file = open('/build/out/held', 'wb')
    os.unlink('/build/out/held')
    file.write(bytes(4 << 20)); file.flush()
    held.append(file)
`),
    )
    assert.equal(nameless.failure, 'output')
    assert.match(nameless.log, /-- the step was ended: it wrote more than it may\n$/)
  },
  { diskBytes: 48 * MIB },
)

hostile(
  'a build that takes more memory than it may is ended, in one process, in many, in folders or in files of memory',
  async (job) => {
    const hog = `
import os, sys, time
kept = []
def fill():
    try:
        while True: kept.append(b'x' * (1 << 20)); time.sleep(0.002)
    except MemoryError: time.sleep(30)
`
    const one = await attack(job, python(`${hog}\nfill()`))
    assert.equal(one.failure, 'memory', one.log)
    const many = await attack(job, python(`${hog}\nfor _ in range(3): os.fork()\nfill()`))
    assert.equal(many.failure, 'memory', many.log)
    const folder = await attack(
      job,
      'head -c 100M /dev/zero > /tmp/x || du -sm /tmp; head -c 100M /dev/zero > /dev/shm/x || echo full',
    )
    assert.match(folder.log, /No space left on device[\s\S]*full/)
    const files = python(`
import os, time
held = []
for _ in range(100):
    held.append(os.memfd_create('x')); os.write(held[-1], bytes(4 << 20))
time.sleep(30)
`)
    assert.equal((await attack(job, files)).failure, 'memory')
  },
  { memoryBytes: 160 * MIB },
)

hostile(
  'what a build leaves in the place of its output is read only if it is a plain file of the job',
  async (job, { data }) => {
    await writeFile(join(data, 'signing.key'), 'THE-KEY')
    await attack(
      job,
      `cd out; ln -s /etc/shadow absolute; ln -s ../../../../signing.key up; ln -s /usr folder; ln -s loop loop; mkfifo fifo
     ln -s ${join(data, 'signing.key')} outside; ln /usr/bin/env hard; ln /proc/self/environ hard2
     echo good > good; ln -s good inside; ln -s /build/out/good inside2; ln -s ../out deeper; mkdir d; chmod 000 d`,
    )
    for (const path of [
      'absolute',
      'up',
      'folder/bin/env',
      'folder',
      'loop',
      'fifo',
      'outside',
      'hard',
      'hard2',
      'd/x',
    ]) {
      assert.equal(await job.read(`out/${path}`, MIB), undefined, path)
      assert.throws(
        () => job.open(`out/${path}`),
        (error) => error instanceof AppError && error.code === 'absent.file',
      )
      assert.equal(await job.list(`out/${path}`), undefined, path)
    }
    for (const path of ['folder/x', 'absolute/x', 'fifo/x'])
      await assert.rejects(job.write(`out/${path}`, Buffer.from('x')))
    for (const path of ['inside', 'inside2', 'deeper/inside']) {
      assert.equal(String(await job.read(`out/${path}`, MIB)), 'good\n')
    }
    await job.write('out/absolute', Buffer.from('ours'))
    assert.equal(String(await job.read('out/absolute', MIB)), 'ours')
  },
)

hostile('nothing of a build outlives its step, not even what left its session and closed its streams', async (job) => {
  const mark = `1${process.pid}.7`
  const left = await attack(
    job,
    `setsid sleep ${mark} >/dev/null 2>&1 </dev/null & (setsid sh -c 'sleep ${mark} & sleep ${mark}' &) ; sleep 0.2`,
  )
  assert.equal(left.exitCode, 0)
  assert.equal(processesWith(mark), 0)
  const ended = await attack(job, `setsid sleep ${mark} & sleep ${mark}`, 1)
  assert.deepEqual([ended.failure, processesWith(mark)], ['time', 0])
})

hostile('a build that ends or stops everything it can reach ends only itself', async (job) => {
  const killed = await attack(job, 'kill -9 -1; sleep 0.2; kill -9 1; kill -9 2; sleep 30', 5)
  assert.ok(killed.failure === 'signal' || killed.failure === 'time', String(killed.failure))
  const stopped = await attack(job, 'for p in 1 2 3 4; do kill -STOP $p; done; sleep 30', 2)
  assert.ok(stopped.durationMs < 20_000)
  assert.notEqual(stopped.failure, undefined)
  assert.equal((await attack(job, 'echo fine')).log, 'fine\n')
})

hostile('a tree that is deep, unreadable or full of odd names goes with its job', async (job, { data }) => {
  const made = await attack(
    job,
    `${python(`
import os
os.chdir('/build/out')
for _ in range(3000):
    os.mkdir('d' * 100); os.chdir('d' * 100)
`)}
    cd /build/out; mkdir -p a/b; chmod 000 a/b; chmod 000 a; touch -- '-rf' "$(printf 'new\\nline')" "$(printf '\\377')"`,
  )
  assert.equal(made.exitCode, 0, made.log)
  assert.equal((await attack(job, 'true')).exitCode, 0)
  await job[Symbol.asyncDispose]()
  assert.deepEqual(await readdir(join(data, 'sandbox/jobs')), [])
  await mkdir(join(data, 'sandbox/jobs', 'x'), { recursive: true })
})

test(
  'kill -9 of the node leaves no process, and the next start removes what was left',
  needs('bubblewrap'),
  async () => {
    await using real = await openRealSandbox()
    const mark = `2${process.pid}.7`
    const node = start(process.execPath, [join(REPOSITORY, 'test/kit/sandbox-victim.ts'), real.data, mark])
    await waitFor(() => processesWith(mark) > 0)
    assert.equal((await readdir(join(real.data, 'sandbox/jobs'))).length, 1)
    process.kill(node.pid, 'SIGKILL')
    await node.ended
    await waitFor(() => processesWith(mark) === 0)
    await openRealSandbox(real.data)
    assert.deepEqual(await readdir(join(real.data, 'sandbox/jobs')), [])
  },
)

test('all this holds for the node of an ordinary user', {
  ...needs('bubblewrap', 'python3', 'root'),
  timeout: 300_000,
}, async () => {
  const nobody = ['--reuid', '65534', '--regid', '65534', '--clear-groups', '--inh-caps=-all', '--bounding-set=-all']
  const clean = ['env', '-i', `PATH=${TOOL_PATH}`, 'HOME=/nonexistent', 'TMPDIR=/tmp']
  const self = start('setpriv', [
    ...nobody,
    ...clean,
    process.execPath,
    '--test',
    '--test-reporter',
    'tap',
    import.meta.filename,
  ])
  assert.equal(await self.ended, 0, self.stdout() + self.stderr())
  assert.match(self.stdout(), /^# pass 1\d$/m)
})

/** Processes of this machine whose command line holds `sleep` and the mark. */
function processesWith(mark: string): number {
  return readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false
    try {
      return readFileSync(`/proc/${name}/cmdline`, 'latin1').includes(`sleep\0${mark}`)
    } catch {
      return false
    }
  }).length
}

async function waitFor(holds: () => boolean): Promise<void> {
  const deadline = AbortSignal.timeout(20_000)
  while (!holds()) {
    deadline.throwIfAborted()
    await new Promise((resolve) => setImmediate(resolve))
  }
}
