#!/usr/bin/env node
/**
 * The entry of the `pyrsia` program: hands the commands of `cli/` their effects, and turns errors into messages on stderr and
 * exit codes (`base/errors.ts`). Heavy parts are loaded by the commands that need them.
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { AppError, ERROR_KINDS, errorChain } from '../base/errors.ts'
import type { CliContext, OptionRow } from '../cli/context.ts'
import { plainText } from '../cli/format.ts'
import { createProgram, exitCodeOf } from '../cli/program.ts'
import { ecosystems } from '../ecosystems/index.ts'
import { createCeremony } from './ceremony/ceremony-door.ts'
import { readEarly } from './config/config.ts'
import { defaultDataDirectory } from './config/default-directory.ts'
import { formatted, portSettings, SETTINGS, type Setting } from './config/settings.ts'
import { createMembers } from './members/members-door.ts'

const EXIT_BUG = 70
/** What the lines to try of a node that starts fetch, so that the examples of `why` work right after them. */
const EXAMPLE_PURLS = ['pkg:npm/express', 'pkg:docker/alpine'] as const

/** Rows of the settings table as options of `start`. */
export function optionRows(): OptionRow[] {
  const rows = [...Object.values(SETTINGS), ...portSettings(ecosystems)] as readonly Setting<unknown>[]
  return rows.map((row) => ({
    name: row.name,
    placeholder: row.kind.placeholder,
    many: row.many,
    help: row.help,
    fallback: row.fallbackText ?? formatted(row, row.fallback),
  }))
}

/** The context with the real effects. */
export function realContext(): CliContext {
  const version = ownVersion()
  const directory = (data: string | undefined): string =>
    resolve(
      readEarly(SETTINGS.data, { flags: { data }, environment: process.env }) ?? defaultDataDirectory(process.env),
    )
  return {
    version,
    settings: optionRows(),
    clients: ecosystems.flatMap(({ clients }) => clients.map(({ name, title }) => ({ name, title }))),
    examplePurls: EXAMPLE_PURLS,
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    progress(line) {
      if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${(line ?? '').slice(0, process.stderr.columns - 1)}`)
    },
    nowMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    sleep: async (ms) => (await import('./effects.ts')).systemClock.sleep(ms),
    connect: async (data) => (await import('../cli/node-api.ts')).connectNode(directory(data)),
    start: async (flags, json) => (await import('./daemon.ts')).runDaemon({ flags, json, version }),
    diff: async (request) => (await import('./diff/diff-files.ts')).diffFiles(request, { ecosystems }),
    recipes: async (folder) => (await import('./builds/mappings.ts')).listRecipes(folder, ecosystems),
    osvImport: async (request) =>
      (await import('./policy/import-osv.ts')).importOsv(request, directory(request.data), Date.now()),
    osvState: async (data) => (await import('./policy/import-osv.ts')).osvState(directory(data)),
    listings: ecosystems.flatMap(({ lockfiles }) => lockfiles.flatMap(({ listing }) => listing?.what ?? [])),
    async listed({ data, ...request }) {
      const { listedText } = await import('./offline/listing.ts')
      return listedText({ data, ...request }, { ecosystems, data: directory(data), environment: process.env })
    },
    doctor: async (request) => (await import('./doctor/doctor.ts')).runDoctor(request, directory(request.data)),
    async service({ action, ...request }) {
      const { installService, uninstallService } = await import('./systemd/install-units.ts')
      return action === 'install'
        ? installService(request, directory(request.data))
        : uninstallService(request, directory(request.data))
    },
    networks: {
      async init(request) {
        const { initNetwork } = await import('./network/network-door.ts')
        const { systemRandom } = await import('./effects.ts')
        const nowSeconds = Math.floor(Date.now() / 1000)
        return initNetwork(request, directory(request.data), { random: systemRandom, nowSeconds })
      },
      show: async (request) =>
        (await import('./network/network-door.ts')).showNetwork(request, directory(request.data)),
      keys: async (data) => (await import('./network/network-door.ts')).showKeys(directory(data)),
      async verify(request) {
        const { verifyFile } = await import('./network/verify-file.ts')
        return verifyFile(request, directory(request.data), Math.floor(Date.now() / 1000))
      },
      checkLog: async (data) => (await import('./network/verify-file.ts')).checkOwnLog(directory(data)),
    },
    attestations: {
      read: async (bytes) => (await import('./network/attest-file.ts')).readAttestations(bytes),
      async verify(request) {
        const { verifyAttestFile } = await import('./network/attest-file.ts')
        return verifyAttestFile(request, directory(request.data), Math.floor(Date.now() / 1000))
      },
    },
    explain: async (request) =>
      (await import('./explain/explain-request.ts')).explainBuild(request, directory(request.data)),
    members: createMembers(directory, Date.now),
    ceremony: createCeremony(directory, () => Math.floor(Date.now() / 1000)),
    setupVariables: async (request) =>
      (await import('./setup.ts')).setupVariables(request.clients, directory(request.data)),
    setup: async (request) => (await import('./setup.ts')).runSetup(request, directory(request.data)),
  }
}

function ownVersion(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(manifest) as { readonly version: string }).version
}

/** Runs one command line; resolves with the exit code. */
export async function runCli(context: CliContext, words: readonly string[]): Promise<number> {
  let code = 0
  const program = createProgram(context, (found) => {
    code = found
  })
  try {
    await program.parseAsync(words, { from: 'user' })
    return code
  } catch (error) {
    const mistyped = exitCodeOf(error)
    if (mistyped !== undefined) return mistyped
    const [first = '', ...causes] = errorChain(error).map(plainText)
    const known = error instanceof AppError ? error : undefined
    context.err(`pyrsia: ${first}${known === undefined ? '' : ` [${known.code}]`}\n`)
    for (const cause of causes) context.err(`  because: ${cause}\n`)
    if (known === undefined && error instanceof Error) context.err(`${error.stack}\n`)
    return known === undefined ? EXIT_BUG : ERROR_KINDS[known.kind].exitCode
  }
}

if (import.meta.main) {
  // A reader that has seen enough (`pyrsia cache ls | head`) is no failure.
  process.stdout.on('error', () => process.exit(0))
  const code = await runCli(realContext(), process.argv.slice(2))
  // Not at once: what is still on its way to a pipe would be lost.
  process.exitCode = code
  process.stdout.write('', () => process.stderr.write('', () => process.exit(code)))
} else if (import.meta.main === undefined) {
  // A Node before 24.2 does not know the property: the program would do nothing and call that a success.
  process.stderr.write(`pyrsia: wanted Node 24.2 or later, found ${process.version}\n`)
  process.exitCode = EXIT_BUG
}
