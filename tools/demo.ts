/**
 * `npm run demo [-- --json --exit]`: six organisations on this machine, packages with their repositories, and the whole way from a request to
 * `npm install`, an attack included. Then it stays up until Ctrl-C; with `--exit` it ends. Nothing but loopback is used.
 */
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { findBubblewrap } from '../src/sandbox/find-bubblewrap.ts'
import { findTool } from '../test/kit/needs.ts'
import { createNarrator, type Narrator } from './demo/narrator.ts'
import { playStory } from './demo/story.ts'

/** What this machine lacks for real builds, each with the line that installs it. */
async function missing(): Promise<string[]> {
  const found = await findBubblewrap()
  const sandbox = found.kind === 'missing' ? [`${found.reason}: ${found.advice}`] : []
  const programs = (['git', 'npm', 'tar'] as const).filter((name) => findTool(name) === undefined)
  // What Debian calls git may come without the part that serves repositories.
  const backend = spawnSync('git', ['--exec-path'], { encoding: 'utf8' }).status === 0 ? [] : ['git']
  const names = [...new Set([...programs, ...backend])]
  return [...sandbox, ...names.map((name) => `${name} is not installed: apt-get install ${name}`)]
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { json: { type: 'boolean' }, exit: { type: 'boolean' } } })
  const narrator = createNarrator(values.json === true)
  const lacking = await missing()
  if (lacking.length > 0) {
    narrator.say('missing', `The demo builds for real, and this machine lacks something for that:`, { lacking })
    for (const line of lacking) narrator.detail(line)
    return 1
  }
  const stopped = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stopped.abort())
  const directory = await mkdtemp(join(tmpdir(), 'pyrsia-demo-'))
  try {
    return await play({ directory, narrator, stays: values.exit !== true, stopped: stopped.signal })
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 5 })
  }
}

interface Play {
  readonly directory: string
  readonly narrator: Narrator
  readonly stays: boolean
  readonly stopped: AbortSignal
}

/** The exit code: 0 if everything came out as it must, 130 if somebody ended it before. */
async function play({ directory, narrator, stays, stopped }: Play): Promise<number> {
  const ended = new Promise<'stopped'>((resolve) => {
    stopped.addEventListener('abort', () => resolve('stopped'), { once: true })
  })
  await using things = new AsyncDisposableStack()
  const story = playStory({ directory, narrator, things, signal: stopped })
  story.catch(() => undefined)
  const first = await Promise.race([story, ended])
  if (first === 'stopped') {
    narrator.say('stopped', 'Stopping')
    await things.disposeAsync()
    await story.catch(() => undefined)
    return 130
  }
  if (stays) {
    narrator.say('ready', 'Everything stays up until Ctrl-C. Try:', { tries: first.tries })
    for (const line of first.tries) narrator.detail(line)
    await ended
    narrator.say('stopped', 'Stopping')
  }
  narrator.say('end', first.wrong.length === 0 ? 'All of it came out as it must' : 'Something came out wrong', {
    wrong: first.wrong,
  })
  return first.wrong.length === 0 ? 0 : 1
}

if (import.meta.main) process.exitCode = await main()
