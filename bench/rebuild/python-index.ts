/**
 * An index on loopback, filled by pip as it is asked and kept in `.cache/bench-rebuild/`: so every builder sees the same pages and files, a run
 * goes on where it was stopped, and a second run asks nothing of anybody.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { startPip } from './pip-session.ts'

/** A running index. */
export interface PythonIndex {
  /** What clients call index-url. */
  readonly url: string
  close(): Promise<void>
}

interface PageFile {
  readonly filename: string
  readonly url: string
  readonly hashes: Readonly<Record<string, string>>
}

interface Page {
  readonly files: readonly PageFile[]
}

const JSON_TYPE = 'application/vnd.pypi.simple.v1+json'

/** Starts it on a free port. */
export async function startPythonIndex(folder: string): Promise<PythonIndex> {
  const pip = startPip()
  const places = { pages: join(folder, 'pages'), files: join(folder, 'files') }
  for (const place of Object.values(places)) mkdirSync(place, { recursive: true })
  let port = 0
  const fetching = new Map<string, Promise<number>>()

  /** The body of what is kept, or fetched now; undefined: there is none. */
  const bodyOf = async (to: string, want: { page: string } | { url: string }): Promise<Buffer | undefined> => {
    if (!existsSync(to)) {
      const running = fetching.get(to) ?? pip.fetch({ ...want, to }).finally(() => fetching.delete(to))
      fetching.set(to, running)
      if ((await running) !== 200) return undefined
    }
    return readFileSync(to)
  }
  const pageOf = async (project: string): Promise<Page | undefined> => {
    const body = await bodyOf(join(places.pages, `${project}.json`), { page: project })
    return body === undefined ? undefined : (JSON.parse(body.toString()) as Page)
  }
  const answer = async (path: string, res: ServerResponse): Promise<void> => {
    const [, project, file] =
      /^\/(?:simple|files)\/([a-z0-9-]+)\/(?:([\w.+!-]+))?$/.exec(decodeURIComponent(path)) ?? []
    const page = project === undefined ? undefined : await pageOf(project)
    if (page === undefined) {
      res.writeHead(404).end()
    } else if (file === undefined) {
      res.writeHead(200, { 'content-type': JSON_TYPE }).end(JSON.stringify(rewritten(page, project ?? '', port)))
    } else {
      const named = page.files.find(({ filename }) => file === filename || file === `${filename}.metadata`)
      const suffix = file.endsWith('.metadata') ? '.metadata' : ''
      const to = join(places.files, `${named?.hashes.sha256}${suffix}`)
      const body = named === undefined ? undefined : await bodyOf(to, { url: named.url + suffix })
      const isRight = suffix !== '' || (body !== undefined && sha256Of(body) === named?.hashes.sha256)
      if (body === undefined || !isRight) res.writeHead(404).end()
      else res.writeHead(200, { 'content-length': body.length }).end(body)
    }
  }
  const server = createServer((req, res) => {
    answer(new URL(req.url ?? '/', 'http://index').pathname, res).catch((error: unknown) => {
      process.stderr.write(`index: ${req.url}: ${String(error)}\n`)
      if (!res.headersSent) res.writeHead(502)
      res.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
  return {
    url: `http://127.0.0.1:${port}/simple`,
    async close() {
      pip.close()
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

/** The page with its files at this server, and without what leads elsewhere. */
function rewritten(page: Page, project: string, port: number): object {
  const files = page.files.map(({ url: _, ...file }) => {
    const { provenance: __, ...told } = file as { provenance?: unknown; filename: string }
    return { ...told, url: `http://127.0.0.1:${port}/files/${project}/${encodeURIComponent(told.filename)}` }
  })
  return { ...page, files }
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
