import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fakeRebuild, TOY_RECIPE, toyRelease } from '../../../test/kit/fake-rebuild.ts'
import { hexOf, parseBlobId } from '../../base/digest.ts'
import type { Built } from '../../base/entries/result.ts'
import { AppError } from '../../base/errors.ts'
import { recipeDigest } from '../../base/rebuild/recipe-digest.ts'

test('a rebuild of what upstream published says so, with the source, the files and what went in', async () => {
  await using it = await fakeRebuild()
  const { result } = await it.run()
  assert.equal(result.outcome, 'built')
  const { source, files, recipe, lock, dependencies, environment } = result as Built
  assert.deepEqual(source, { type: 'git', repository: 'https://git.example/blocks', commit: it.commit, tree: it.tree })
  assert.equal(recipe, recipeDigest('toy', TOY_RECIPE, undefined))
  assert.equal(lock, hash('sha256', 'lock of blocks'))
  assert.deepEqual(dependencies.levels, { rebuilt: 1 })
  assert.deepEqual(environment, { toolchains: ['toymake 1.0', 'tar 1.34'], sandbox: 'scripted 1' })
  const [file] = files
  assert.equal(file?.sha256, hash('sha256', 'blocks 1, built'))
  assert.deepEqual(file?.upstream, { sha256: file?.sha256, level: 'exact', rules: [] })
  const blob = it.store.lookup(parseBlobId(`sha256:${file?.sha256}`))
  assert.deepEqual([blob?.pins, blob?.share], [['built pkg:toy/blocks@1'], 'world'])
})

test('a rebuild that gave other bytes than upstream has says mismatch, and what differs is in the log that is kept', async () => {
  await using it = await fakeRebuild({ upstream: 'blocks 1, tampered' })
  const { result } = await it.run()
  assert.equal((result as Built).files[0]?.upstream?.level, 'mismatch')
  assert.match(await it.log(), /== make\nmade\n(?:.|\n)*blocks-1.toy: other bytes/)
})

test('a job that is run again comes to the same result', async () => {
  await using it = await fakeRebuild()
  assert.deepEqual((await it.run()).result, (await it.run()).result)
  assert.equal(it.sandbox.open.size, 0, 'no job outlives its run')
})

test('a release whose source nobody can read is unbuildable, and the reason names where it was looked for', async () => {
  await using it = await fakeRebuild()
  it.sources.hide('https://git.example/blocks')
  const { result } = await it.run()
  assert.equal(result.outcome, 'unbuildable')
  assert.match('reason' in result ? result.reason : '', /https:\/\/git.example\/blocks at v1 .*nobody can read it/)
})

test('C4: a tree whose manifest is of another package is refused, and the next candidate taken', async () => {
  const evil = { grade: 'stated', how: 'a fork', type: 'git', repository: 'https://git.example/evil' } as const
  const candidates = [{ ...evil, revisions: ['v1'] as const, directory: '' }, ...toyRelease().candidates]
  await using it = await fakeRebuild({ candidates })
  it.sources.publish(evil.repository, 'bricks 1')
  const { result } = await it.run()
  assert.match(JSON.stringify((result as Built).source), /git.example\/blocks/)
  await using alone = await fakeRebuild({ candidates: candidates.slice(0, 1) })
  alone.sources.publish(evil.repository, 'bricks 1')
  const refused = await alone.run()
  assert.match(JSON.stringify(refused.result), /unbuildable.*names bricks/)
})

test('C2: a source that is changed after its checkout is not built', async () => {
  await using it = await fakeRebuild({
    afterConfirm: (directory) => appendFile(join(directory, 'source/toy.txt'), '\nevil'),
  })
  await assert.rejects(it.run(), (error) => error instanceof AppError && error.code === 'untrusted.digest')
  assert.equal(it.sandbox.open.size, 0)
})

test('C6: a builder whose recipe is none that the rules list does not build', async () => {
  await using it = await fakeRebuild({ recipes: [hash('sha256', 'another recipe')] })
  await assert.rejects(it.run(), (error) => error instanceof AppError && error.code === 'conflict.recipe')
  await using listed = await fakeRebuild({ recipes: [recipeDigest('toy', TOY_RECIPE, undefined)] })
  assert.equal((await listed.run()).result.outcome, 'built')
})

test('C6: what is written by hand for a package is part of the recipe', async () => {
  const bytes = Buffer.from('reason = "the tag is called otherwise"\n')
  const mapping = { bytes, reason: 'the tag is called otherwise', source: undefined, recipe: { extra: 1 } }
  await using it = await fakeRebuild({ mapping, recipes: [recipeDigest('toy', TOY_RECIPE, undefined)] })
  await assert.rejects(it.run(), (error) => error instanceof AppError && error.code === 'conflict.recipe')
  await using listed = await fakeRebuild({ mapping, recipes: [recipeDigest('toy', TOY_RECIPE, bytes)] })
  const { result } = await listed.run()
  assert.equal((result as Built).recipe, recipeDigest('toy', TOY_RECIPE, bytes))
})

test('an override stands behind what upstream states and before what is guessed', async () => {
  const source = {
    grade: 'override',
    how: 'mappings/',
    type: 'git',
    repository: 'https://git.example/moved',
    revisions: ['v1'],
    directory: '',
  } as const
  const mapping = { bytes: Buffer.from('x'), reason: 'moved', source, recipe: undefined }
  const guessed = toyRelease().candidates.map((each) => ({ ...each, grade: 'guessed' as const }))
  await using it = await fakeRebuild({ mapping, candidates: guessed })
  it.sources.publish(source.repository, 'blocks 1')
  assert.match(JSON.stringify(((await it.run()).result as Built).source), /git.example\/moved/)
})

test('a build that used what the log withdrew is unbuildable', async () => {
  await using it = await fakeRebuild({ objection: 'pkg:toy/nails@1 was withdrawn' })
  assert.match(JSON.stringify((await it.run()).result), /unbuildable.*nails@1 was withdrawn/)
})

test('a step that fails makes the release unbuildable, with the end of what it printed', async () => {
  await using it = await fakeRebuild({ make: async () => 3 })
  assert.match(JSON.stringify((await it.run()).result), /unbuildable.*make ended with 3/)
})

test('a recipe that chokes on what the project holds makes the release unbuildable, not the builder ill', async () => {
  await using it = await fakeRebuild({
    make: async (_, directory) => {
      await writeFile(join(directory, 'out/blocks-1.toy'), 'deep')
      return 'made'
    },
    checkMade: () => {
      throw new AppError('untrusted.reply', 'too deep')
    },
  })
  assert.match(JSON.stringify((await it.run()).result), /unbuildable.*too deep/)
})

test('a malformed file that was built makes the outcome malformed', async () => {
  await using it = await fakeRebuild({ malformed: 'two files of one name' })
  assert.match(JSON.stringify((await it.run()).result), /"outcome":"malformed".*blocks-1.toy: two files of one name/)
})

test('paths that lead out of the job are answered with nothing', async () => {
  await using it = await fakeRebuild({
    paths: ['../etc/passwd', '/etc/passwd', 'source/../../x', 'elsewhere/x', 'source\0'],
  })
  await it.run()
  assert.deepEqual(new Set(it.answers), new Set(['nothing']))
})

test('an archive that the registry hosts is unpacked in the sandbox and named as the source', async () => {
  await using it = await fakeRebuild({
    archive: 'packed',
    make: async (step, directory) => {
      if (step.name !== 'make') {
        assert.equal(await readFile(join(directory, 'inputs/blocks-1.tar.gz'), 'utf8'), 'packed')
        await writeFile(join(directory, 'source/toy.txt'), 'blocks 1')
        return 'unpacked'
      }
      await writeFile(join(directory, 'out/blocks-1.toy'), 'blocks 1, built')
      return 'made'
    },
  })
  const { result } = await it.run()
  assert.deepEqual((result as Built).source, { type: 'archive', sha256: hash('sha256', 'packed') })
})

test('a release of a type that is only seen is witnessed with every digest', async () => {
  await using it = await fakeRebuild({ witnessed: true })
  const { result } = await it.run()
  assert.equal(result.outcome, 'witnessed')
  assert.deepEqual('files' in result && result.files.map(({ name, sha256 }) => [name, sha256]), [
    ['blocks-1.toy', hash('sha256', 'blocks 1, built')],
  ])
})

test('a registry that cannot be asked is asked again later, one without the release is not', async () => {
  await using away = await fakeRebuild({
    found: { kind: 'unavailable', reason: { code: 'unavailable', message: 'away' } },
  })
  await assert.rejects(away.run(), (error) => error instanceof AppError && error.code === 'unavailable.upstream')
  await using gone = await fakeRebuild({
    found: { kind: 'absent', reason: { code: 'absent', message: 'no such release' } },
  })
  assert.match(JSON.stringify((await gone.run()).result), /unbuildable.*no such release/)
})

test('a job whose request the log does not have is not built', async () => {
  await using it = await fakeRebuild()
  const job = { ...it.job, request: hexOf(parseBlobId(`sha256:${'0'.repeat(64)}`)) }
  await assert.rejects(it.run(job), (error) => error instanceof AppError && error.code === 'absent.entry')
})
