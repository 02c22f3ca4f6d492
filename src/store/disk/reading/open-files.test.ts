import assert from 'node:assert/strict'
import { test } from 'node:test'
import { steppedClock } from '../../../../test/kit/stepped-clock.ts'
import { blobIdOf } from '../../../base/digest.ts'
import { type Files, nodeFiles } from '../files.ts'
import { OpenFiles, type SharedFile } from './open-files.ts'

const idOf = (name: string) => blobIdOf(Buffer.from(name))

/** Files that count what is open; `missing` cannot be opened. */
function counted() {
  const open = new Set<number>()
  let opened = 0
  const files: Files = {
    ...nodeFiles,
    async open(path) {
      if (path === 'missing') throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
      opened += 1
      open.add(opened)
      return opened
    },
    async close(fd) {
      open.delete(fd)
    },
  }
  return { files, open, opened: () => opened }
}

/** Lets what was begun at the last statement happen: closing waits for opening. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

async function visit(file: SharedFile): Promise<void> {
  await file.join()
  file.leave()
}

test('a descriptor outlives its last reader for a moment and serves the next one', async () => {
  const { files, open, opened } = counted()
  const clock = steppedClock()
  const all = new OpenFiles(files, clock)
  for (let at = 0; at < 3; at += 1) await visit(all.of(idOf('a'), 'a'))
  assert.equal(opened(), 1)
  assert.equal(all.inUse(idOf('a')), false)
  clock.advance(2_000)
  await settled()
  assert.equal(open.size, 0)
  await visit(all.of(idOf('a'), 'a'))
  assert.equal(opened(), 2)
})

test('a descriptor that is read is not closed by time, and is in use', async () => {
  const { files, open } = counted()
  const clock = steppedClock()
  const all = new OpenFiles(files, clock)
  await visit(all.of(idOf('a'), 'a'))
  const file = all.of(idOf('a'), 'a')
  await file.join()
  clock.advance(10_000)
  await settled()
  assert.equal(all.inUse(idOf('a')), true)
  assert.equal(open.size, 1)
  file.leave()
})

test('drop() closes an idle descriptor at once, one that is read with its last reader, and neither serves again', async () => {
  const { files, open, opened } = counted()
  const all = new OpenFiles(files, steppedClock())
  await visit(all.of(idOf('idle'), 'idle'))
  all.drop(idOf('idle'))
  await settled()
  assert.equal(open.size, 0)
  const read = all.of(idOf('read'), 'read')
  await read.join()
  all.drop(idOf('read'))
  await settled()
  assert.equal(open.size, 1)
  assert.equal(all.serves(idOf('read'), read), false)
  await visit(all.of(idOf('read'), 'read'))
  assert.equal(opened(), 3)
  read.leave()
  all.close()
  await settled()
  assert.equal(open.size, 0)
})

test('at most 64 idle descriptors stay open', async () => {
  const { files, open } = counted()
  const all = new OpenFiles(files, steppedClock())
  for (let at = 0; at < 200; at += 1) await visit(all.of(idOf(String(at)), String(at)))
  await settled()
  assert.equal(open.size, 64)
  assert.ok(all.serves(idOf('199'), all.of(idOf('199'), '199')))
})

test('a file that could not be opened is tried anew by the next reader', async () => {
  const { files } = counted()
  const all = new OpenFiles(files, steppedClock())
  const failing = all.of(idOf('a'), 'missing')
  await assert.rejects(failing.join(), { code: 'ENOENT' })
  failing.leave()
  await visit(all.of(idOf('a'), 'a'))
})

test('after close() each descriptor is closed with its last reader', async () => {
  const { files, open } = counted()
  const all = new OpenFiles(files, steppedClock())
  const file = all.of(idOf('a'), 'a')
  await file.join()
  all.close()
  file.leave()
  await settled()
  assert.equal(open.size, 0)
})
