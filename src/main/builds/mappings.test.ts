import assert from 'node:assert/strict'
import { mkdir, mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { AppError } from '../../base/errors.ts'
import { parsePurl } from '../../base/purl.ts'
import { recipeDigest } from '../../base/rebuild/recipe-digest.ts'
import { ecosystems } from '../../ecosystems/index.ts'
import { findMapping, listRecipes, OWN_MAPPINGS } from './mappings.ts'
import { readMapping } from './read-mapping.ts'

const GOOD = `reason = "its tags have another form"
[source]
repository = "https://git.example/toys"
revision = "release-{version}"
`

test('a mapping says where the source of each version is, and keeps its bytes for the digest', () => {
  const bytes = Buffer.from(GOOD)
  const { source, reason, bytes: kept } = readMapping(bytes, 'toys.toml', '1.2.3')
  assert.deepEqual([reason, kept], ['its tags have another form', bytes])
  assert.deepEqual([source?.revisions, source?.grade, source?.directory], [['release-1.2.3'], 'override', ''])
})

test('a mapping with a key that nobody knows, without a reason, or that leads out of its repository is refused', () => {
  const bad = [
    `${GOOD}branch = "main"\n`,
    GOOD.replace(/reason.*\n/, ''),
    GOOD.replace('its tags have another form', 'because'),
    GOOD.replace('https:', 'http:'),
    `${GOOD}directory = "../elsewhere"\n`,
    `${GOOD}directory = "/elsewhere"\n`,
    'reason = ',
  ]
  for (const text of bad) {
    const read = () => readMapping(Buffer.from(text), 'toys.toml', '1')
    assert.throws(read, (error) => error instanceof AppError && error.code === 'usage.config', text)
  }
})

test('a mapping is found by type, namespace and name, and never outside of its folder', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'mappings-'))
  await mkdir(join(folder.path, 'toy/@box'), { recursive: true })
  await writeFile(join(folder.path, 'toy/@box/blocks.toml'), GOOD)
  await writeFile(join(folder.path, 'outside.toml'), GOOD)
  const find = (purl: string) => findMapping(folder.path, parsePurl(purl), '1')
  assert.equal(find('pkg:toy/%40box/blocks@1')?.reason, 'its tags have another form')
  assert.equal(find('pkg:toy/blocks@1'), undefined)
  assert.equal(find('pkg:toy/%2e%2e/outside@1'), undefined)
})

test('every recipe that comes with this Pyrsia has a digest, and each of its mappings can be read', async () => {
  const rows = listRecipes(OWN_MAPPINGS, ecosystems)
  assert.equal(new Set(rows.map(({ digest }) => digest)).size, rows.length)
  await using folder = await mkdtempDisposable(join(tmpdir(), 'mappings-'))
  const toy = { ...ecosystems[0], id: 'toy', rebuild: { recipe: { name: 'toymake', version: 2 } } } as never
  await mkdir(join(folder.path, 'toy'), { recursive: true })
  await writeFile(join(folder.path, 'toy/blocks.toml'), GOOD)
  assert.deepEqual(
    listRecipes(folder.path, [toy]).map(({ mapping, digest }) => [mapping, digest]),
    [
      [undefined, recipeDigest('toy', { name: 'toymake', version: 2 }, undefined)],
      ['toy/blocks.toml', recipeDigest('toy', { name: 'toymake', version: 2 }, Buffer.from(GOOD))],
    ],
  )
})
