/**
 * The cases that every implementation of `Sandbox` must pass. A step is written twice: as a shell's words for the real one, and as a
 * script for the twin.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError, type ErrorCode } from '../../src/base/errors.ts'
import { REGISTRY_URL, type SandboxStep } from '../../src/base/rebuild/build-plan.ts'
import { collect, streamOf } from '../../src/base/streams.ts'
import type { FakeInside, FakeScript } from '../../src/sandbox/fake.ts'
import type { JobLimits, JobOptions, RegistryRequest, Sandbox, SandboxJob } from '../../src/sandbox/sandbox.ts'

/** Limits that no ordinary step of a test reaches. */
export const ROOMY: JobLimits = {
  cpuCount: 1,
  memoryBytes: 512 * 1_048_576,
  processCount: 128,
  diskBytes: 64 * 1_048_576,
  stepSeconds: 60,
  logBytes: 262_144,
}

/** A time that no machine has by chance: 2001-02-03T04:05:06Z. */
export const SOURCE_DATE_SECONDS = 981_173_106

const never = new AbortController().signal
const refusal = (code: ErrorCode) => (error: unknown) => error instanceof AppError && error.code === code
const text = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString()

interface Played {
  readonly shell: string
  readonly fake: (inside: FakeInside) => Promise<number> | number
}

const forever = (inside: FakeInside): Promise<number> =>
  new Promise((resolve) => inside.signal.addEventListener('abort', () => resolve(137)))

/** What the steps of the suite do, by their names. */
const STEPS: Readonly<Record<string, Played>> = {
  'copy in to out': {
    shell: 'cat /build/source/in > /build/out/copy && echo copied && echo of it >&2',
    fake({ files, print }) {
      files.set('out/copy', files.get('source/in') ?? new Uint8Array())
      print('copied\nof it\n')
      return 0
    },
  },
  'fail with 3': {
    shell: 'echo sorry; exit 3',
    fake({ print }) {
      print('sorry\n')
      return 3
    },
  },
  'say the environment': {
    shell: 'env | sort',
    fake({ env, print }) {
      print(
        `${Object.entries(env)
          .map(([name, value]) => `${name}=${value}`)
          .sort()
          .join('\n')}\n`,
      )
      return 0
    },
  },
  'ask the registry': {
    shell: `python3 -c "import urllib.request as u; print(u.urlopen('${REGISTRY_URL}/mount/thing?q=1').read().decode())"`,
    async fake({ get, print }) {
      const { status, body } = await get(`${REGISTRY_URL}/mount/thing?q=1`)
      print(`${Buffer.from(body)}\n`)
      return status === 200 ? 0 : 1
    },
  },
  'ask a stranger': {
    shell: `python3 -c "import urllib.request as u; u.urlopen('http://stranger.example.com/thing')" 2>/dev/null`,
    fake: async ({ get }) => ((await get('http://stranger.example.com/thing')).status === 200 ? 0 : 1),
  },
  'never end': { shell: 'sleep 1000', fake: forever },
  'print a lot': {
    shell: 'head -c 1000000 /dev/zero | tr "\\0" "x"; echo done > /build/out/done',
    fake({ files, print }) {
      print('x'.repeat(1_000_000))
      files.set('out/done', Buffer.from('done\n'))
      return 0
    },
  },
  'write 4 MiB': {
    shell: 'head -c 4194304 /dev/zero > /build/out/large',
    fake({ files }) {
      files.set('out/large', new Uint8Array(4_194_304))
      return 0
    },
  },
  'leave a cache': {
    shell: 'mkdir -p ~/.cache && echo mine > ~/.cache/left && ls /build/work/home/.cache',
    fake({ files, print }) {
      files.set('work/home/.cache/left', Buffer.from('mine\n'))
      print('left\n')
      return 0
    },
  },
}

/** Plays the suite's steps; for the twin. */
export const suiteScript: FakeScript = async (step, inside) => (await STEPS[step.name]?.fake(inside)) ?? 127

/** A step that a shell runs; the twin knows those of the suite by their names. */
export function shellStep(name: string, shell: string, more: Partial<SandboxStep> = {}): SandboxStep {
  return { name, argv: ['sh', '-c', shell], directory: '.', env: {}, ...more }
}

const step = (name: string, more: Partial<SandboxStep> = {}): SandboxStep =>
  shellStep(name, STEPS[name]?.shell ?? '', more)

/** Options of a job; its registry answers nothing unless it is told what. */
export function jobOptions(limits: Partial<JobLimits> = {}, registry?: JobOptions['registry']): JobOptions {
  return {
    limits: { ...ROOMY, ...limits },
    sourceDateSeconds: SOURCE_DATE_SECONDS,
    registry: registry ?? (async () => ({ status: 404, headers: {}, body: new Uint8Array() })),
  }
}

/** Runs the cases on what `open` makes; `options` are those of each test, e.g. what it needs. */
export function sandboxSuite(name: string, options: { skip?: string }, open: () => Promise<Sandbox>): void {
  const withJob = (
    subject: string,
    limits: Partial<JobLimits>,
    run: (job: SandboxJob, sandbox: Sandbox) => Promise<void>,
  ) =>
    test(`${name}: ${subject}`, options, async () => {
      const sandbox = await open()
      await using job = await sandbox.job(jobOptions(limits))
      await run(job, sandbox)
    })
  fileCases(withJob)
  stepCases(withJob)
  limitCases(withJob)
  registryCases(name, options, open)
}

type WithJob = (
  subject: string,
  limits: Partial<JobLimits>,
  run: (job: SandboxJob, sandbox: Sandbox) => Promise<void>,
) => unknown

function fileCases(withJob: WithJob): void {
  withJob('a job begins with its five folders, empty', {}, async (job) => {
    assert.deepEqual(await job.list(''), ['inputs/', 'out/', 'source/', 'tools/', 'work/'])
    assert.deepEqual(await job.list('source'), [])
    assert.equal(await job.list('source/none'), undefined)
    assert.match(job.directory, /^\//)
  })

  withJob('what is written is read, opened and listed by bytes of its name', {}, async (job) => {
    for (const file of ['source/b', 'source/Z', 'source/é/deep/er', 'source/a.b'])
      await job.write(file, Buffer.from(file))
    await job.write('source/b', streamOf(Buffer.from('ag'), Buffer.from('ain')))
    assert.deepEqual(await job.list('source'), ['Z', 'a.b', 'b', 'é/'])
    assert.equal(text(await job.read('source/b', 5)), 'again')
    const { sizeBytes, body } = job.open('source/é/deep/er')
    assert.deepEqual([sizeBytes, text(await collect(body, 100))], [17, 'source/é/deep/er'])
    await assert.rejects(job.read('source/b', 4), refusal('exhausted.size'))
  })

  withJob('what is not there is undefined to read() and absent to open()', {}, async (job) => {
    for (const path of [
      'source/none',
      'source',
      'none/none',
      '../build/source',
      '/etc/passwd',
      'source//x',
      'source/./x',
    ]) {
      assert.equal(await job.read(path, 100), undefined, path)
      assert.throws(() => job.open(path), refusal('absent.file'), path)
    }
  })

  withJob('write() refuses paths that lead out, or through a file', {}, async (job) => {
    await job.write('source/file', Buffer.from('x'))
    for (const path of ['../x', '/tmp/x', 'source/../../x', 'source/file/x', 'source', '', 'source//x']) {
      await assert.rejects(job.write(path, Buffer.from('x')), refusal('absent.file'), path)
    }
  })
}

function stepCases(withJob: WithJob): void {
  withJob('a step reads and writes the files of its job, and all that it prints is kept', {}, async (job) => {
    await job.write('source/in', Buffer.from('bytes'))
    const copied = await job.run(step('copy in to out'), never)
    assert.deepEqual([copied.exitCode, copied.failure, copied.log], [0, undefined, 'copied\nof it\n'])
    assert.equal(text(await job.read('out/copy', 100)), 'bytes')
    const failed = await job.run(step('fail with 3'), never)
    assert.deepEqual([failed.exitCode, failed.failure, failed.log], [3, undefined, 'sorry\n'])
    assert.ok(failed.durationMs >= 0)
    assert.equal(text(await job.log()), '== copy in to out\ncopied\nof it\n== fail with 3\nsorry\n')
  })

  withJob('a step has the fixed environment and its own, and nothing of the node', {}, async (job) => {
    const { log } = await job.run(step('say the environment', { env: { MINE: 'a b', PATH: '/usr/bin:/bin' } }), never)
    const said = new Map(
      log
        .trim()
        .split('\n')
        .map((line) => [line.split('=')[0], line.slice(line.indexOf('=') + 1)]),
    )
    said.delete('PWD')
    said.delete('SHLVL')
    said.delete('_')
    assert.deepEqual(Object.fromEntries(said), {
      ...{ HOME: '/build/work/home', LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8', LOGNAME: 'builder', MINE: 'a b' },
      ...{ PATH: '/usr/bin:/bin', SHELL: '/bin/sh', SOURCE_DATE_EPOCH: '981173106', TMPDIR: '/tmp', TZ: 'UTC' },
      USER: 'builder',
    })
  })

  withJob(
    'D6: what a job leaves in its home is there for its next step and for no other job',
    {},
    async (job, sandbox) => {
      assert.equal((await job.run(step('leave a cache'), never)).log, 'left\n')
      assert.deepEqual(await job.list('work/home'), ['.cache/'])
      await using other = await sandbox.job(jobOptions())
      assert.deepEqual(await other.list('work/home'), [])
      assert.notEqual(other.directory, job.directory)
    },
  )

  withJob('who leaves, at whatever moment, ends the step, and the job runs others', {}, async (job) => {
    let leaving = new AbortController()
    for (const turns of [0, 1, 3, 10, 30, 100, 300]) {
      leaving = new AbortController()
      const running = assert.rejects(job.run(step('never end'), leaving.signal), refusal('aborted.caller'))
      for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve))
      leaving.abort()
      await running
    }
    await assert.rejects(job.run(step('fail with 3'), leaving.signal), refusal('aborted.caller'))
    assert.equal((await job.run(step('fail with 3'), never)).exitCode, 3)
  })
}

function limitCases(withJob: WithJob): void {
  withJob('a step that takes longer than it asked for is ended', {}, async (job) => {
    const { failure, exitCode } = await job.run(step('never end', { timeoutSeconds: 1 }), never)
    assert.deepEqual([failure, exitCode], ['time', 137])
  })

  withJob('no step may ask for more time than its job has', { stepSeconds: 1 }, async (job) => {
    assert.equal((await job.run(step('never end', { timeoutSeconds: 1_000 }), never)).failure, 'time')
  })

  withJob('a log beyond the limit is cut, says so, and the step goes on', { logBytes: 100_000 }, async (job) => {
    const { failure, exitCode, log } = await job.run(step('print a lot'), never)
    assert.deepEqual([failure, exitCode], [undefined, 0])
    assert.equal(text(await job.read('out/done', 100)), 'done\n')
    assert.ok(log.length <= 65_536)
    const dropped = '-- 900000 bytes of output were dropped: the log of a build holds 100000\n'
    assert.equal(log.slice(-dropped.length), dropped)
    assert.equal((await job.log()).length, '== print a lot\n'.length + 100_000 + dropped.length)
  })

  withJob('a job that writes more than it may fails', { diskBytes: 2_097_152 }, async (job) => {
    assert.equal((await job.run(step('write 4 MiB'), never)).failure, 'output')
  })
}

function registryCases(name: string, options: { skip?: string }, open: () => Promise<Sandbox>): void {
  test(
    `${name}: only a step that declares it is answered by the registry, as of the time that it names`,
    options,
    async () => {
      const sandbox = await open()
      const asked: RegistryRequest[] = []
      await using job = await sandbox.job(
        jobOptions({}, async (request) => {
          asked.push(request)
          return {
            status: 200,
            headers: { 'content-type': 'text/plain' },
            body: streamOf(Buffer.from('an '), Buffer.from('answer')),
          }
        }),
      )
      const declared = await job.run(step('ask the registry', { registry: { asOfSeconds: 1_234 } }), never)
      assert.deepEqual([declared.exitCode, declared.failure, declared.log], [0, undefined, 'an answer\n'])
      assert.deepEqual(
        asked.map(({ method, path, body, asOfSeconds }) => [method, path, body, asOfSeconds]),
        [['GET', '/mount/thing?q=1', undefined, 1_234]],
      )
      const undeclared = await job.run(step('ask the registry'), never)
      assert.deepEqual([undeclared.exitCode, undeclared.failure, asked.length], [1, 'network', 1])
      assert.match(undeclared.log, /^-- undeclared: the step asked for GET \/mount\/thing\?q=1$/m)
    },
  )

  test(`${name}: E3: a step that asks for a stranger's address fails, and the name is recorded`, options, async () => {
    const sandbox = await open()
    await using job = await sandbox.job(jobOptions())
    for (const registry of [undefined, { asOfSeconds: 1 }]) {
      const asked = step('ask a stranger', registry === undefined ? {} : { registry })
      const { exitCode, failure } = await job.run(asked, never)
      assert.deepEqual([exitCode, failure], [1, 'network'])
    }
    assert.match(
      text(await job.log()) ?? '',
      /^-- undeclared: the step asked for the address of stranger\.example\.com$/m,
    )
  })
}
