/** Laws of every client's setup, over odd existing contents: undo restores, twice is once, later edits survive. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AppError } from '../../src/base/errors.ts'
import { type Clients, createClients } from '../../src/clients/clients.ts'
import type { ClientEnvironment, Ecosystem } from '../../src/ecosystems/ecosystem.ts'
import { type MemoryFiles, memoryFiles } from './memory-files.ts'

/** A client with what its files may hold. */
export interface ClientCase {
  readonly name: string
  /** The file that is exercised. */
  readonly path: string
  /** Valid contents, from which odd ones are put together by joining lines. */
  readonly lines: readonly string[]
  /** What surrounds the chosen lines. */
  readonly frame?: (lines: readonly string[]) => string
  /** What a user adds later; must survive an undo. */
  readonly laterEdit: (text: string) => string
  /** A part of the later edit that must be found afterwards. */
  readonly survives: string
  /** True for a file that is edited only where it is there already. */
  readonly exists?: boolean
  /** What shows that the file points here; the node's host if absent. */
  readonly marker?: string
  /** Contents that must be refused. */
  readonly broken: readonly string[]
}

/** An environment of a user at /home/me. */
export const ENVIRONMENT: ClientEnvironment = {
  home: '/home/me',
  user: 'root',
  platform: 'linux',
  variables: { PATH: '/usr/bin' },
  project: undefined,
}

/** The parts that the cases use: clients over files in memory. */
export function clientsBench(ecosystem: Ecosystem | Pick<Ecosystem, 'id' | 'clients'>): {
  readonly files: MemoryFiles
  readonly clients: Clients
} {
  const files = memoryFiles()
  const ecosystems = [ecosystem as Ecosystem]
  const clients = createClients({ ecosystems, stateDirectory: '/state', environment: ENVIRONMENT }, { files })
  return { files, clients }
}

/** Runs the laws on every client of an ecosystem: one without a case fails. */
export function clientSuites(
  ecosystem: Pick<Ecosystem, 'id' | 'clients'>,
  cases: readonly ClientCase[],
  url: string,
): void {
  for (const each of cases) clientSuite(ecosystem, each, url)
  test(`every client of ${ecosystem.id} is held to the laws of setup`, () => {
    const held = new Set(cases.map(({ name }) => name))
    assert.deepEqual(
      ecosystem.clients.filter(({ name }) => !held.has(name)).map(({ name }) => name),
      [],
    )
  })
}

function clientSuite(ecosystem: Pick<Ecosystem, 'id' | 'clients'>, each: ClientCase, url: string): void {
  const targets = { [ecosystem.id]: { url, defaultUpstream: true } }
  const marker = each.marker ?? new URL(url).host
  const frame = each.frame ?? ((lines: readonly string[]) => lines.map((line) => `${line}\n`).join(''))
  const some = fc.subarray([...each.lines]).map(frame)
  const content = each.exists === true ? some : fc.option(some, { nil: undefined })
  const ending = fc.constantFrom<(text: string) => string>(
    (text) => text,
    (text) => text.replace(/\n$/, ''),
    (text) => text.replaceAll('\n', '\r\n'),
  )
  const original = fc.tuple(content, ending).map(([text, end]) => (text === undefined ? undefined : end(text)))

  test(`setup ${each.name} then undo is byte-identical, and setting up twice is once`, async () => {
    await fc.assert(
      fc.asyncProperty(original, async (text) => {
        const { files, clients } = clientsBench(ecosystem)
        files.put(each.path, text)
        await clients.apply(await clients.plan([each.name], targets))
        const pointed = files.text(each.path)
        assert.ok(pointed?.includes(marker), pointed)
        assert.deepEqual((await clients.plan([each.name], targets)).changes, [])
        await clients.apply(await clients.undo([each.name]))
        assert.equal(files.text(each.path), text)
        assert.deepEqual(files.paths(), text === undefined ? [] : [each.path])
      }),
      { numRuns: 60 },
    )
  })

  test(`undo of ${each.name} takes just our keys where the file was changed since`, async () => {
    await fc.assert(
      fc.asyncProperty(original, async (text) => {
        const { files, clients } = clientsBench(ecosystem)
        files.put(each.path, text)
        await clients.apply(await clients.plan([each.name], targets))
        files.put(each.path, each.laterEdit(files.text(each.path) ?? ''))
        await clients.apply(await clients.undo([each.name]))
        const rest = files.text(each.path) ?? ''
        assert.ok(rest.includes(each.survives), rest)
        assert.ok(!rest.includes(marker), rest)
        // Braces and commas move when JSON is edited; what they hold does not.
        for (const line of text?.split(/\r?\n/) ?? [])
          assert.ok(rest.includes(line.replace(/^[{}]+$|,$/, '')), `${line} in ${rest}`)
      }),
      { numRuns: 60 },
    )
  })

  test(`setup ${each.name} refuses what it cannot parse and leaves it as it is`, async () => {
    for (const broken of each.broken) {
      const { files, clients } = clientsBench(ecosystem)
      files.put(each.path, broken)
      const plan = clients.plan([each.name], targets)
      await assert.rejects(plan, (error) => error instanceof AppError && error.code === 'usage.config', broken)
      assert.equal(files.text(each.path), broken)
    }
  })
}
