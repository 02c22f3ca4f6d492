/**
 * The files of a data directory that belong to the node as a whole: the API token, `node.json` (where the running node is),
 * the configuration file and the upstreams that `setup` found. The parts keep their own files below it.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { z } from 'zod'
import { AppError, wrapError } from '../base/errors.ts'
import { isUpstreamName, parseUpstreamUrl } from './config/kinds.ts'

/** What `node.json` tells the CLI. */
export interface NodeFile {
  /** URL of the API. */
  readonly api: string
  readonly pid: number
  readonly version: string
}

/** An upstream that a client of this user was configured for. */
export interface ClientUpstream {
  readonly name: string
  readonly url: string
}

const CONFIG_BYTES_MAX = 1_048_576

/** Makes the directory, readable by its owner only. @throws usage.config */
export async function ensureDataDirectory(directory: string): Promise<void> {
  try {
    await makeFolders(resolve(directory))
  } catch (cause) {
    throw new AppError('usage.config', `cannot make the data directory ${directory} (--data)`, { cause })
  }
}

/** Step by step, because `mkdir` with `recursive` tries for ever below /proc, where nothing can be made. */
async function makeFolders(directory: string): Promise<void> {
  const make = (): Promise<void> => mkdir(directory, { mode: 0o700 })
  try {
    await make()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && (await stat(directory)).isDirectory()) return
    if (code !== 'ENOENT' || dirname(directory) === directory) throw error
    await makeFolders(dirname(directory))
    // Whoever was quicker has made it.
    await make().catch(async (again: NodeJS.ErrnoException) => {
      if (again.code !== 'EEXIST' || !(await stat(directory)).isDirectory()) throw again
    })
  }
}

/** The text of a configuration file; undefined if there is none. @throws usage.config */
export async function readConfigFile(path: string): Promise<string | undefined> {
  try {
    const text = await readFile(path, 'utf8')
    if (text.length > CONFIG_BYTES_MAX)
      throw new AppError('usage.config', `${path} is larger than a configuration file`)
    return text
  } catch (cause) {
    if (isMissing(cause)) return undefined
    throw wrapError(cause, 'usage.config', `cannot read the configuration file ${path}`)
  }
}

/** Replaces a file whole or not at all; the text is on the disk when this resolves. @throws usage.config */
export async function writeWhole(path: string, text: string, mode: number): Promise<void> {
  const beside = `${path}.${randomBytes(6).toString('hex')}.new`
  try {
    const file = await open(beside, 'wx', mode)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(beside, path)
    const directory = await open(dirname(path), 'r')
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  } catch (cause) {
    await rm(beside, { force: true })
    throw new AppError('usage.config', `cannot write ${path}`, { cause })
  }
}

/** The API token, made on the first start; mode 0600. @throws usage.config */
export async function apiToken(directory: string): Promise<string> {
  const path = join(directory, 'api-token')
  const kept = await readConfigFile(path)
  if (kept !== undefined && /^[A-Za-z0-9_-]{43}\n?$/.test(kept)) return kept.trim()
  const token = randomBytes(32).toString('base64url')
  await writeWhole(path, `${token}\n`, 0o600)
  return token
}

/** Tells the CLI where the node is. */
export async function writeNodeFile(directory: string, file: NodeFile): Promise<void> {
  await writeWhole(join(directory, 'node.json'), `${JSON.stringify(file)}\n`, 0o600)
}

/** Takes the node off the map, when it stops. Never throws for a missing file. */
export async function removeNodeFile(directory: string): Promise<void> {
  await rm(join(directory, 'node.json'), { force: true })
}

const clientUpstreams = z.strictObject({
  upstreams: z.array(z.strictObject({ name: z.string().max(256), url: z.string().max(2048) })).max(100),
})

/** The upstreams that `setup` found in clients' configurations. @throws usage.config if the file is not as it was written */
export async function readClientUpstreams(directory: string): Promise<readonly ClientUpstream[]> {
  const path = join(directory, 'upstreams.json')
  const text = await readConfigFile(path)
  if (text === undefined) return []
  try {
    const { upstreams } = clientUpstreams.parse(JSON.parse(text))
    return upstreams.map(({ name, url }) => {
      if (!isUpstreamName(name)) throw new AppError('usage.config', `${JSON.stringify(name)} is no name of an upstream`)
      return { name, url: parseUpstreamUrl(url) }
    })
  } catch (cause) {
    throw new AppError('usage.config', `cannot use ${path}: run pyrsia setup again or remove it`, { cause })
  }
}

/** Adds to what `readClientUpstreams` reads; a later entry replaces one of the same name. @throws usage.config */
export async function keepClientUpstreams(directory: string, found: readonly ClientUpstream[]): Promise<void> {
  const kept = new Map((await readClientUpstreams(directory)).map((upstream) => [upstream.name, upstream]))
  for (const upstream of found) kept.set(upstream.name, upstream)
  const text = JSON.stringify({ upstreams: [...kept.values()] }, undefined, 2)
  await writeWhole(join(directory, 'upstreams.json'), `${text}\n`, 0o600)
}

/** A secret from a file of its owner's: one line. @throws usage.config */
export async function readSecretFile(path: string): Promise<string> {
  const text = await readConfigFile(path)
  const secret = text?.replace(/\r?\n$/, '')
  if (secret === undefined || secret === '' || secret.length > 4096 || /[\r\n]/.test(secret)) {
    throw new AppError('usage.config', `${path}: wanted a file with one line, the secret`)
  }
  return secret
}

/** The key of a private network, from a file that nobody but its owner may read. @throws usage.config */
export async function readNetworkKey(path: string, platform: string): Promise<Uint8Array> {
  let bytes: Buffer
  let mode: number
  try {
    const file = await open(path, 'r')
    try {
      mode = (await file.stat()).mode
      bytes = await file.readFile()
    } finally {
      await file.close()
    }
  } catch (cause) {
    throw new AppError('usage.config', `cannot read the network key ${path} (--network-key)`, { cause })
  }
  // Where there are no such modes, all of them are set.
  if (platform !== 'win32' && (mode & 0o077) !== 0) {
    const found = (mode & 0o777).toString(8).padStart(4, '0')
    throw new AppError(
      'usage.config',
      `the network key ${path} may be read by others (mode ${found}): chmod 600 ${path}, and make another key if others are on this machine`,
    )
  }
  // An editor's final newline is no part of the key.
  return bytes.at(-1) === 0x0a ? bytes.subarray(0, -1) : bytes
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === 'ENOENT'
}
