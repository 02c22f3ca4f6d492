import assert from 'node:assert/strict'
import { test } from 'node:test'
import { driveScripted, type ScriptedJob, scriptedJob } from '../../../../../test/kit/scripted-recipe.ts'
import type { Located } from '../../../../base/located.ts'
import { parsePurl } from '../../../../base/purl.ts'
import type { RecipeEnd, RecipeJob } from '../../../../base/rebuild/build-plan.ts'
import { pypiRecipe } from './recipe.ts'

const RELEASED = 1_700_000_000
const REQUESTED = 1_800_000_000
const PIP_PAGE = [
  '<html><body><h1>Links for pip</h1>',
  ...['23.0', '25.0', '26.0b1', '24.0'].map(
    (version) =>
      `<a href="../../files/pip/${'a'.repeat(64)}/pip-${version}-py3-none-any.whl#sha256=${'a'.repeat(64)}">pip-${version}-py3-none-any.whl</a>`,
  ),
  `<a href="../../files/pip/${'a'.repeat(64)}/pip-27.0-py3-none-any.whl" data-requires-python="&gt;=3.15">pip-27.0-py3-none-any.whl</a>`,
  `<a href="../../files/pip/${'a'.repeat(64)}/pip-26.5-py3-none-any.whl" data-yanked="it was released later">pip-26.5-py3-none-any.whl</a>`,
  '</body></html>',
].join('\n')
const PYPROJECT = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'

function jobOf(labels: readonly string[], over: Partial<RecipeJob> = {}): RecipeJob {
  const files = labels.map((label) => ({ label }) as Located)
  return {
    purl: parsePurl('pkg:pypi/some-project@1.2'),
    facts: { candidates: [], files, releasedAtSeconds: RELEASED, licence: 'MIT', tools: { hatchling: '1.9.0' } },
    source: {
      type: 'git',
      grade: 'guessed',
      how: '',
      repository: 'https://x.example.com/y',
      revisions: ['v1.2'],
      directory: '',
    },
    directory: 'source',
    requestedAtSeconds: REQUESTED,
    sourceDateSeconds: RELEASED,
    override: undefined,
    ...over,
  }
}

interface Play {
  /** What each hook gives, by its name; a function is told how often it was called before. */
  readonly hooks?: Readonly<Record<string, unknown>>
  readonly fails?: (name: string, argv: readonly string[], job: ScriptedJob) => boolean
  readonly pyproject?: string
}

function scripted({ hooks = {}, fails = () => false, pyproject = PYPROJECT }: Play = {}): ScriptedJob {
  const results: Record<string, unknown> = {
    build_wheel: 'some_project-1.2-py3-none-any.whl',
    build_sdist: 'some_project-1.2.tar.gz',
    get_requires_for_build_wheel: [],
    get_requires_for_build_sdist: [],
    ...hooks,
  }
  const counts = new Map<string, number>()
  const job: ScriptedJob = scriptedJob(
    { 'source/pyproject.toml': pyproject },
    {
      registry: (path) => (path === '/simple/pip/' ? PIP_PAGE : path.includes('pip-25.0') ? 'wheel' : undefined),
      play({ name, argv }, files) {
        if (fails(name, argv, job)) return { exitCode: 1, log: 'building\nERROR: it does not work\nWARNING: so it is' }
        if (name.startsWith('ask which Python')) return '3.11.2\n'
        const report = argv[argv.indexOf('--report') + 1]
        if (argv.includes('install') && report !== undefined) files.set(report.slice('/build/'.length), REPORT)
        const plan = argv.find((word) => /work\/(?:build|get)_.*\.json$/.test(word))
        if (plan === undefined) return ''
        const { hook, result } = JSON.parse(files.get(plan.slice('/build/'.length)) ?? '')
        const count = counts.get(hook) ?? 0
        counts.set(hook, count + 1)
        const given = results[hook]
        files.set(
          result.slice('/build/'.length),
          JSON.stringify({ value: typeof given === 'function' ? given(count) : given }),
        )
        return ''
      },
    },
  )
  return job
}

const REPORT = JSON.stringify({
  version: '1',
  install: [
    {
      metadata: { name: 'Hatchling', version: '1.9.0' },
      download_info: {
        url: 'http://127.0.0.1/hatchling-1.9.0-py3-none-any.whl',
        archive_info: { hashes: { sha256: 'b'.repeat(64) } },
      },
    },
  ],
})

function build(job: ScriptedJob, told: RecipeJob): RecipeEnd {
  return driveScripted(pypiRecipe.steps(told), job)
}

const BOTH = ['some_project-1.2-py3-none-any.whl', 'some-project-1.2.tar.gz']

test('wheel and archive are built offline, with the requirements of then, pinned to what made the published wheel', () => {
  const job = scripted()
  const end = build(job, jobOf(BOTH))
  assert.deepEqual(end, {
    kind: 'built',
    files: [
      { name: 'some_project-1.2-py3-none-any.whl', path: 'out/wheel-0/some_project-1.2-py3-none-any.whl' },
      { name: 'some-project-1.2.tar.gz', path: 'out/sdist-0/some_project-1.2.tar.gz' },
    ],
    lock: 'work/lock.txt',
    toolchains: ['python 3.11.2', 'pip 25.0', 'hatchling 1.9.0'],
  })
  assert.equal(job.files.get('work/lock.txt'), `${'b'.repeat(64)}  hatchling-1.9.0-py3-none-any.whl\n`)
  assert.equal(job.files.get('inputs/python-0-pins.txt'), 'hatchling==1.9.0\n')
  const online = job.steps.filter(({ registry }) => registry !== undefined)
  assert.deepEqual(
    online.map(({ registry }) => registry?.asOfSeconds),
    [RELEASED],
  )
  for (const { argv } of online)
    assert.ok(argv.includes('--only-binary') && argv.some((word) => word.includes('/pip-25.0-')))
  const hooks = job.steps.filter(({ argv }) => argv.includes('/build/work/hook.py'))
  assert.equal(hooks.length, 4)
  assert.ok(
    hooks.every(({ registry }) => registry === undefined),
    'code of the project has no network',
  )
  assert.ok(!job.steps.some(({ name }) => name.includes('history')), 'nothing asks git')
})

test('what a back end asks for is granted in at most five rounds', () => {
  const job = scripted({
    hooks: { get_requires_for_build_wheel: (count: number) => (count < 2 ? [`extra-${count}>=1`] : []) },
  })
  assert.equal(build(job, jobOf(BOTH.slice(0, 1))).kind, 'built')
  const installs = job.steps.filter(({ argv }) => argv.includes('install'))
  assert.equal(installs.length, 3)
  // Code of the project has run by then: what reaches the registry is a pip placed anew, in an environment made anew.
  assert.equal(new Set(installs.map(({ argv }) => argv[0])).size, 3)
  assert.equal(job.inputs.filter((path) => path.includes('/pip-25.0-')).length, 1 + 3)
  const made = job.steps.filter(({ argv }) => argv.includes('venv'))
  assert.ok(made.length === 3 && made.every(({ argv }) => argv[0] === 'python3' && argv.includes('--clear')))
  const greedy = scripted({ hooks: { get_requires_for_build_wheel: (count: number) => [`extra-${count}`] } })
  const end = build(greedy, jobOf(BOTH.slice(0, 1)))
  assert.deepEqual(end, { kind: 'unbuildable', reason: 'the back end asks for more after 5 rounds' })
  const evil = scripted({ hooks: { get_requires_for_build_wheel: () => ['evil @ https://evil.example.com/x.whl'] } })
  assert.match((build(evil, jobOf(BOTH.slice(0, 1))) as { reason: string }).reason, /no plain requirement/)
})

test('where the tools of then do not work, others are tried: without the pins, then those of the request', () => {
  const asked: (readonly string[])[] = []
  const job = scripted({
    fails: (name) => {
      if (!name.startsWith('install')) return false
      asked.push([...job.files.keys()].filter((path) => path.endsWith('-pins.txt')))
      return asked.length < 3
    },
  })
  const end = build(job, jobOf(BOTH))
  assert.equal(end.kind, 'built')
  const online = job.steps.filter(({ registry }) => registry !== undefined)
  assert.deepEqual(
    online.map(({ registry }) => registry?.asOfSeconds),
    [RELEASED, RELEASED, REQUESTED],
  )
  assert.deepEqual(
    [0, 1, 2].map((n) => job.files.get(`inputs/python-${n}-pins.txt`)),
    ['hatchling==1.9.0\n', '', ''],
  )
  const never = scripted({ fails: (name) => name.startsWith('call') })
  assert.deepEqual(build(never, jobOf(BOTH)), {
    kind: 'unbuildable',
    reason: 'call build_wheel: ERROR: it does not work',
  })
})

test('a step that wants the network ends it at once, with that reason', () => {
  const job = scripted()
  const { play } = job
  job.play = (step, files) => (step.name === 'call build_wheel' ? 'network' : play(step, files))
  const end = build(job, jobOf(BOTH))
  assert.equal(end.kind, 'unbuildable')
  assert.match((end as { reason: string }).reason, /asked the network for something undeclared/)
  assert.equal(job.steps.filter(({ name }) => name === 'call build_wheel').length, 1)
})

test('what is built under another name or version, or for one platform, is refused', () => {
  for (const name of [
    'other-1.2-py3-none-any.whl',
    'some_project-1.3-py3-none-any.whl',
    '../x',
    'some_project-1.2-cp311-cp311-linux_x86_64.whl',
  ]) {
    const end = build(scripted({ hooks: { build_wheel: name } }), jobOf(BOTH))
    assert.equal(end.kind, 'unbuildable', name)
  }
})

test('compiled wheels are not rebuilt, an archive is not made out of itself, and what the index has says what is built', () => {
  const compiled = build(
    scripted(),
    jobOf(['some_project-1.2-cp311-cp311-manylinux_2_17_x86_64.whl', 'some-project-1.2.tar.gz']),
  )
  assert.match((compiled as { reason: string }).reason, /for one platform each .* not rebuilt yet/)
  const archive = { type: 'archive', grade: 'guessed', how: '', file: {} as Located } as const
  const wheel = build(scripted(), jobOf(BOTH, { source: archive }))
  assert.deepEqual(wheel.kind === 'built' && wheel.files.map(({ name }) => name), BOTH.slice(0, 1))
  assert.equal(build(scripted(), jobOf(BOTH.slice(1), { source: archive })).kind, 'unbuildable')
  // Spellings of tags changed: compared is what the index has.
  const older = build(scripted(), jobOf(['some_project-1.2-py2.py3-none-any.whl']))
  assert.deepEqual(older.kind === 'built' && older.files.map(({ name }) => name), [
    'some_project-1.2-py2.py3-none-any.whl',
  ])
})

test('a tree whose back end asks git gets a history of one commit', () => {
  const pyproject = PYPROJECT.replace('"hatchling"', '"hatchling", "hatch-vcs"')
  const job = scripted({ pyproject })
  assert.equal(build(job, jobOf(BOTH.slice(0, 1))).kind, 'built')
  const history = job.steps.find(({ name }) => name.includes('history'))
  assert.equal(history?.argv.at(-1), 'v1.2')
})

test('a malformed build system, requirement or override is refused with its reason', () => {
  const reason = (play: Play, over: Partial<RecipeJob> = {}) =>
    (build(scripted(play), jobOf(BOTH, over)) as { reason: string }).reason
  assert.match(reason({ pyproject: 'x = [' }), /no TOML/)
  assert.match(reason({ pyproject: '[build-system]\nrequires = "x"\n' }), /no list of requirements/)
  assert.match(reason({ pyproject: '[build-system]\nrequires = ["x @ file:///x"]\n' }), /no plain requirement/)
  assert.match(reason({ pyproject: '[build-system]\nrequires = []\nbuild-backend = "os;x"\n' }), /malformed/)
  assert.match(reason({}, { override: { surprise: 1 } }), /mappings/)
  const pinned = scripted()
  assert.equal(build(pinned, jobOf(BOTH, { override: { requires: ['wheel'], pins: ['wheel==0.40.0'] } })).kind, 'built')
  assert.equal(pinned.files.get('inputs/python-0-pins.txt'), 'wheel==0.40.0\n')
})
