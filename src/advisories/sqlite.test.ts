import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Advisory } from '../base/osv/advisory.ts'
import { parsePurl } from '../base/purl.ts'
import type { ImportedRecord } from './advisories.ts'
import { openAdvisories } from './sqlite.ts'

const PURL = parsePurl('pkg:toy/%40acme/blocks')

function record(id: string, purls: readonly string[] = [PURL]): ImportedRecord {
  const advisory: Advisory = {
    ...{ id, summary: 'bad', severity: 'high', aliases: [], modified: '', versions: ['1'], ranges: [] },
  }
  return { id, shown: { id }, affected: purls.map((purl) => ({ purl: parsePurl(purl), advisory })) }
}

const facts = { source: 'test', nowMs: 7, keep: false }

test('openAdvisories() finds what was imported by package, whatever version and place are asked for', (t) => {
  const database = openAdvisories(':memory:')
  t.after(() => database.close())
  database.importAll([record('A-1', [PURL, PURL, 'pkg:toy/other']), record('A-2')], facts)
  const ids = (purl: string) => database.of(parsePurl(purl)).map(({ id }) => id)
  assert.deepEqual(ids('pkg:toy/%40acme/blocks@2?repository_url=x'), ['A-1', 'A-1', 'A-2'])
  assert.deepEqual(ids('pkg:toy/other'), ['A-1'])
  assert.deepEqual(ids('pkg:toy/blocks'), [])
  assert.deepEqual(database.record('A-2'), { id: 'A-2' })
  assert.deepEqual(database.state(), { records: 2, packages: 2, importedAtMs: 7, source: 'test' })
})

test('importAll() replaces what was there, or with keep adds to it', (t) => {
  const database = openAdvisories(':memory:')
  t.after(() => database.close())
  database.importAll([record('A-1')], facts)
  const before = database.revision
  database.importAll([record('A-2')], facts)
  assert.deepEqual(
    database.of(PURL).map(({ id }) => id),
    ['A-2'],
  )
  assert.notEqual(database.revision, before)
  database.importAll([record('A-3')], { ...facts, keep: true })
  assert.deepEqual(
    database.of(PURL).map(({ id }) => id),
    ['A-2', 'A-3'],
  )
})

test('importAll() changes nothing if the source breaks off', (t) => {
  const database = openAdvisories(':memory:')
  t.after(() => database.close())
  database.importAll([record('A-1')], facts)
  function* broken() {
    yield record('A-2')
    throw new Error('the file ends here')
  }
  assert.throws(() => database.importAll(broken(), facts), { code: 'damaged.database' })
  assert.deepEqual(
    database.of(PURL).map(({ id }) => id),
    ['A-1'],
  )
})

test('another process that imports is seen at the next question', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'advisories-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const node = openAdvisories(join(directory, 'advisories.sqlite'))
  const importer = openAdvisories(join(directory, 'advisories.sqlite'))
  const before = node.revision
  importer.importAll([record('A-1')], facts)
  importer.close()
  assert.notEqual(node.revision, before)
  assert.equal(node.of(PURL).length, 1)
  node.close()
})
