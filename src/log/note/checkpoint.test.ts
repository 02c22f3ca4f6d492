import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { isKind } from '../../base/errors.ts'
import { readVkey } from '../../base/network/vkey.ts'
import { type Checkpoint, formatCheckpoint, parseCheckpoint } from './checkpoint.ts'
import { openNote, parseNote } from './note.ts'

test('parseCheckpoint() reads the example of tlog-checkpoint, and formatCheckpoint() writes it again', () => {
  const text = 'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n'
  const checkpoint = parseCheckpoint(text)
  assert.equal(checkpoint.origin, 'example.com/behind-the-sofa')
  assert.equal(checkpoint.size, 20_852_163)
  assert.equal(Buffer.from(checkpoint.root).toString('hex').slice(0, 8), '0ac5186a')
  assert.deepEqual(checkpoint.extensions, [])
  assert.equal(formatCheckpoint(checkpoint), text)
})

test('the published checkpoints of the tile log verify by the key that is published with them', () => {
  const key = readVkey('example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx')
  for (let size = 0; size <= 15; size += 1) {
    const file = new URL(`../../../test/vectors/tlog-tiles/checkpoint.${size}`, import.meta.url)
    const note = parseNote(Uint8Array.from(readFileSync(file)))
    assert.equal(openNote(note, [key]).length, 1)
    assert.equal(parseCheckpoint(note.text).size, size)
  }
})

const ROOT = 'CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I='

test('parseCheckpoint() refuses what tlog-checkpoint does not allow, and sizes that are no numbers here', () => {
  for (const text of [
    '',
    '\n',
    `o\n1\n${ROOT}`,
    `\n1\n${ROOT}\n`,
    `o\n\n${ROOT}\n`,
    `o\n01\n${ROOT}\n`,
    `o\n-1\n${ROOT}\n`,
    `o\n+1\n${ROOT}\n`,
    `o\n1e3\n${ROOT}\n`,
    `o\n 1\n${ROOT}\n`,
    `o\n9007199254740992\n${ROOT}\n`,
    `o\n18446744073709551615\n${ROOT}\n`,
    `o\n1\n${ROOT.slice(4)}\n`,
    `o\n1\n${ROOT.replace('2I=', '2J=')}\n`,
    `o\n1\n${ROOT}\n\n`,
    `o\n1\n${ROOT}\nx\n\ny\n`,
    'o\n1\n',
    `${'o'.repeat(256)}\n1\n${ROOT}\n`,
  ]) {
    assert.throws(() => parseCheckpoint(text), { code: 'usage.log' }, JSON.stringify(text))
  }
  assert.deepEqual(parseCheckpoint(`o\n0\n${ROOT}\nx\ny z\n`).extensions, ['x', 'y z'])
})

test('parseCheckpoint() gives back what formatCheckpoint() wrote, which writes nothing else', () => {
  const line = fc.string({ minLength: 1, maxLength: 30 }).filter((text) => !text.includes('\n'))
  const checkpoint = fc.record({
    origin: line,
    size: fc.maxSafeNat(),
    root: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    extensions: fc.array(line, { maxLength: 3 }),
  })
  fc.assert(
    fc.property(checkpoint, (one) => {
      const read = parseCheckpoint(formatCheckpoint(one))
      assert.deepEqual({ ...read, root: Uint8Array.from(read.root) }, { ...one })
    }),
  )
  const good: Checkpoint = { origin: 'o', size: 1, root: new Uint8Array(32), extensions: [] }
  for (const bad of [
    { ...good, origin: 'a\nb' },
    { ...good, origin: '' },
    { ...good, size: 1.5 },
    { ...good, size: -1 },
    { ...good, root: new Uint8Array(31) },
    { ...good, extensions: [''] },
    { ...good, extensions: ['a\nb'] },
  ]) {
    assert.throws(() => formatCheckpoint(bad), { code: 'usage.log' })
  }
})

test('parseCheckpoint() throws nothing but usage.log', () => {
  fc.assert(
    fc.property(fc.string(), fc.array(fc.string()), (text, lines) => {
      for (const each of [text, `${lines.join('\n')}\n`]) {
        try {
          parseCheckpoint(each)
        } catch (error) {
          assert.ok(isKind(error, 'usage') && error.code === 'usage.log', String(error))
        }
      }
    }),
  )
})
