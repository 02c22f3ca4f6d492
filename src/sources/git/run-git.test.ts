import assert from 'node:assert/strict'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { emptyFolder, hasCode } from '../../../test/kit/sources-suite.ts'
import { systemClock } from '../../main/effects.ts'
import { type GitPlace, runGit } from './run-git.ts'

/** A program in git's place, which writes its process id and then does what `lines` say. */
function placeOf(t: TestContext, lines: string, seconds = 60): GitPlace {
  const home = emptyFolder(t)
  const program = join(home, 'git.sh')
  // Its child must end with it: what git starts must not outlive it.
  writeFileSync(program, `#!/bin/sh\nsleep 600 &\necho $! > ${home}/child\n${lines}\nwait\n`)
  chmodSync(program, 0o755)
  const deadlineMs = systemClock.monotonicMs() + seconds * 1000
  const [environment, signal] = [{}, new AbortController().signal]
  return { home, program, protocol: 'none', environment, clock: systemClock, deadlineMs, signal }
}

/** True once the process has ended; a zombie has. */
function hasEnded(pid: string): boolean {
  const status = `/proc/${pid.trim()}/stat`
  return !existsSync(status) || / Z /.test(readFileSync(status, 'latin1'))
}

async function demandEnded({ home }: GitPlace): Promise<void> {
  // On a slow machine it may have been ended before it started anything.
  if (!existsSync(join(home, 'child'))) return
  const pid = readFileSync(join(home, 'child'), 'utf8')
  const untilMs = systemClock.monotonicMs() + 10_000
  while (!hasEnded(pid) && systemClock.monotonicMs() < untilMs) await systemClock.sleep(10)
  assert.ok(hasEnded(pid), `process ${pid} still runs`)
}

test('runGit() ends git and what it started when the folder that it writes grows too large', async (t) => {
  const place = placeOf(t, 'head -c 200000 /dev/zero > pack')
  const run = { args: ['fetch'], outputBytesMax: 1000, watch: { folder: place.home, bytesMax: 100_000 } }
  await assert.rejects(runGit(place, run), hasCode('exhausted.size'))
  await demandEnded(place)
})

test('runGit() ends git when its time is over, when it prints too much, and when nobody waits any more', async (t) => {
  const late = placeOf(t, 'true', 1)
  await assert.rejects(runGit(late, { args: ['fetch'], outputBytesMax: 1000 }), hasCode('unavailable.source'))
  await demandEnded(late)
  const loud = placeOf(t, 'head -c 2000 /dev/zero')
  await assert.rejects(runGit(loud, { args: ['ls-tree'], outputBytesMax: 1000 }), hasCode('exhausted.size'))
  const left = new AbortController()
  const place = { ...placeOf(t, 'true'), signal: left.signal }
  const running = runGit(place, { args: ['fetch'], outputBytesMax: 1000 })
  left.abort()
  await assert.rejects(running, hasCode('aborted.caller'))
})

test('runGit() gives git nothing of this process’s environment', async (t) => {
  process.env.PYRSIA_TEST_SECRET = 'secret'
  t.after(() => delete process.env.PYRSIA_TEST_SECRET)
  const place = placeOf(t, 'kill $!; env; exit 0')
  const { output } = await runGit(place, { args: ['version'], outputBytesMax: 100_000 })
  const text = output.toString()
  assert.ok(!text.includes('PYRSIA_TEST_SECRET') && text.includes('GIT_TERMINAL_PROMPT=0'), text)
})
