/**
 * `npm run docs`: writes docs/reference/ from the tables in the code and, for the threats, the titles of the tests. `tools/docs.test.ts` fails while a page is stale, so that
 * the reference cannot say anything else than the program.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { cliPage } from './reference/cli-page.ts'
import { apiPage, configPage, errorsPage, metricsPage } from './reference/pages.ts'
import { threatsPage } from './reference/threats-page.ts'

/** The pages by file name. */
export const PAGES: Readonly<Record<string, () => string>> = {
  'api.md': apiPage,
  'cli.md': cliPage,
  'config.md': configPage,
  'errors.md': errorsPage,
  'metrics.md': metricsPage,
  'threats.md': threatsPage,
}

const FOLDER = new URL('../docs/reference/', import.meta.url)

/** Names of the pages whose file differs from what the code says, or is missing. */
export function stalePages(): string[] {
  return Object.entries(PAGES)
    .filter(([name, make]) => readPage(name) !== make())
    .map(([name]) => name)
}

function readPage(name: string): string | undefined {
  try {
    return readFileSync(new URL(name, FOLDER), 'utf8')
  } catch {
    return undefined
  }
}

if (import.meta.main) {
  mkdirSync(FOLDER, { recursive: true })
  for (const name of stalePages()) {
    writeFileSync(new URL(name, FOLDER), PAGES[name]?.() ?? '')
    process.stdout.write(`wrote ${fileURLToPath(new URL(name, FOLDER))}\n`)
  }
}
