import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { needs } from '../../test/kit/needs.ts'
import { AppError } from '../base/errors.ts'
import { findBubblewrap, INSTALL_LINE, requireBubblewrap } from './find-bubblewrap.ts'

async function program(t: TestContext, text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'pyrsia-bwrap-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, 'bwrap')
  await writeFile(path, `#!/bin/sh\n${text}\n`)
  await chmod(path, 0o755)
  return path
}

test('findBubblewrap() finds the one of this machine and how it may be started', needs('bubblewrap'), async () => {
  const found = await findBubblewrap()
  assert.ok(found.kind === 'found')
  assert.match(found.version, /^\d+\.\d+/)
  assert.ok(found.system.folders.includes('/usr'))
})

test('findBubblewrap() says how it is installed where it is not', async () => {
  const found = await findBubblewrap('/nowhere/bwrap')
  assert.deepEqual(found, { kind: 'missing', reason: 'bubblewrap is not installed', advice: INSTALL_LINE })
})

test('findBubblewrap() refuses one that is too old, or is something else', async (t) => {
  const old = await findBubblewrap(await program(t, 'echo bubblewrap 0.4.1'))
  assert.match(old.kind === 'missing' ? old.reason : '', /0\.4\.1 cannot forbid namespaces/)
  const other = await findBubblewrap(await program(t, 'echo hello'))
  assert.match(other.kind === 'missing' ? other.reason : '', /does not say which version it is/)
})

test('findBubblewrap() says what bubblewrap complained of where the kernel lets it make nothing', async (t) => {
  const path = await program(
    t,
    'test "$1" = --version && echo bubblewrap 0.9.0 && exit; echo no permission >&2; exit 1',
  )
  const found = await findBubblewrap(path)
  assert.match(found.kind === 'missing' ? found.reason : '', /cannot make a sandbox here: no permission/)
  assert.match(found.kind === 'missing' ? found.advice : '', /unprivileged_userns/)
})

test('requireBubblewrap() refuses with what findBubblewrap() says', async () => {
  await assert.rejects(requireBubblewrap('/nowhere/bwrap'), (error) => {
    assert.ok(error instanceof AppError && error.code === 'unavailable.sandbox')
    assert.match(error.message, /bubblewrap is not installed \(apt-get install bubblewrap\)/)
    return true
  })
})
