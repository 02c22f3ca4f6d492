/** The doctor's senses on the real machine: sockets, HTTP, disks and clients' programs, each bounded in time and size. */
import { execFile } from 'node:child_process'
import { statfs } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { EnvHttpProxyAgent, request } from 'undici'
import { errorChain } from '../../base/errors.ts'
import type { Answered, Ran, Senses } from '../../clients/doctor/senses.ts'
import { findBubblewrap } from '../../sandbox/find-bubblewrap.ts'

const CONNECT_MS = 2_000
const ANSWER_MS = 5_000
/** Some clients start slowly (a Java machine, a cold disk). */
const PROGRAM_MS = 30_000
const OUTPUT_BYTES_MAX = 1_048_576
const METRIC = /^pyrsia_requests_total\{[^}]*ecosystem="([^"]*)"[^}]*\} (\d+)/

/** The senses; `metricsUrl` is the running node's, undefined without one. */
export function createSenses(options: { readonly metricsUrl: string | undefined }): Senses {
  return { room, listens, head, run, sandbox, requestCounts: () => requestCounts(options.metricsUrl) }
}

async function room(path: string): ReturnType<Senses['room']> {
  // A data directory that is still to be made is as roomy as the folder that it will be in.
  for (let folder = path; ; folder = dirname(folder)) {
    try {
      const { bavail, blocks, bsize } = await statfs(folder)
      return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
    } catch {
      if (folder === dirname(folder)) return undefined
    }
  }
}

function listens(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: CONNECT_MS })
    const end = (found: boolean): void => {
      socket.destroy()
      resolve(found)
    }
    socket.once('connect', () => end(true))
    socket.once('timeout', () => end(false))
    socket.once('error', () => end(false))
  })
}

async function head(url: string): Promise<Answered> {
  const dispatcher = new EnvHttpProxyAgent({ connect: { timeout: ANSWER_MS } })
  try {
    const signal = AbortSignal.timeout(ANSWER_MS)
    const { statusCode, headers, body } = await request(url, { method: 'HEAD', dispatcher, signal })
    const hereMs = Date.now()
    await body.dump()
    const stated = typeof headers.date === 'string' ? Date.parse(headers.date) : Number.NaN
    return { status: statusCode, dateMs: Number.isNaN(stated) ? undefined : stated, hereMs }
  } catch (error) {
    return { error: errorChain(error).join(': ') || 'it cannot be reached' }
  } finally {
    await dispatcher.destroy()
  }
}

function run(program: string, args: readonly string[], folder: string): Promise<Ran | undefined> {
  return new Promise((resolve) => {
    const options = { cwd: folder, timeout: PROGRAM_MS, maxBuffer: OUTPUT_BYTES_MAX }
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code
      resolve(typeof code === 'number' ? { code, stdout, stderr } : undefined)
    })
    child.stdin?.end()
  })
}

async function sandbox(): ReturnType<Senses['sandbox']> {
  const found = await findBubblewrap()
  return found.kind === 'found' ? { name: `bubblewrap ${found.version}` } : found
}

async function requestCounts(metricsUrl: string | undefined): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  if (metricsUrl === undefined) return counts
  try {
    const reply = await fetch(metricsUrl, { redirect: 'error', signal: AbortSignal.timeout(ANSWER_MS) })
    for (const line of (await reply.text()).split('\n')) {
      const [, ecosystem, count] = METRIC.exec(line) ?? []
      if (ecosystem !== undefined) counts[ecosystem] = (counts[ecosystem] ?? 0) + Number(count)
    }
  } catch {
    // A node that stops just now: the next examination says that it is down.
  }
  return counts
}
