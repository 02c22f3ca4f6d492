import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CliContext } from '../context.ts'
import { createProgram } from '../program.ts'

const VIEW = { id: '1f', purl: 'pkg:toy/blocks@1', submittedSeconds: 1, state: 'ordered', panel: [] }

async function run(args: readonly string[], over: Partial<CliContext> = {}) {
  const bodies: unknown[] = []
  const printed: string[] = []
  const lines: (string | undefined)[] = []
  const states = [
    { ...VIEW, state: 'committing', builders: 4, here: 'step 3, make' },
    { ...VIEW, state: 'refused' },
  ]
  const context = {
    settings: [],
    clients: [],
    listings: [],
    version: '0',
    examplePurls: ['pkg:toy/blocks@1'],
    out: (text: string) => void printed.push(text),
    progress: (line: string | undefined) => void lines.push(line),
    nowMs: () => 1_000,
    sleep: async () => {},
    connect: async () => ({
      get: async () => states.shift(),
      change: async (_method: string, _path: string, { body }: { readonly body: unknown }) => {
        bodies.push(body)
        return VIEW
      },
    }),
    recipes: async () => [
      { ecosystem: 'toy', recipe: 'toymake', version: 2, mapping: 'toy/blocks.toml', digest: 'ab' },
    ],
    ...over,
  } as unknown as CliContext
  const ended = createProgram(context, () => {}).parseAsync([...args], { from: 'user' })
  const error = await ended.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  return { bodies, text: printed.join(''), lines, error }
}

test('build takes the package as an argument, with --package, or with --image', async () => {
  for (const words of [['blocks@1'], ['--package', 'blocks@1'], ['--image', 'blocks@1']]) {
    const { bodies, error } = await run(['build', 'toy', ...words])
    assert.deepEqual([bodies, error], [[{ ecosystem: 'toy', coordinates: 'blocks@1' }], undefined], words.join(' '))
  }
})

test('build --watch says how many have built, and what this node itself is doing', async () => {
  const { lines } = await run(['build', 'toy', 'blocks@1', '--watch'])
  assert.ok(lines.includes('pkg:toy/blocks@1 is being built (0 of 4); here: step 3, make'), lines.join('|'))
})

test('build names the build in the log, which explain takes, as soon as there is one', async () => {
  const request = 'ab'.repeat(32)
  const connect = async () => ({ get: async () => ({ ...VIEW, request }), change: async () => VIEW })
  const { text } = await run(['build', 'status', '--id', '1f'], { connect } as unknown as Partial<CliContext>)
  assert.match(text, new RegExp(`^  build     ${request}, for pyrsia explain$`, 'm'))
  assert.doesNotMatch((await run(['build', 'toy', 'blocks@1'])).text, /explain/)
})

test('build recipes lists digests with what they stand for', async () => {
  assert.equal((await run(['build', 'recipes'])).text, 'ab  toy  toymake 2 with toy/blocks.toml\n')
})
