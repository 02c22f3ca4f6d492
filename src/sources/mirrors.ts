/**
 * Which URL a repository is really asked at. Repositories are read over https from hosts with names; where the owner of a node maps
 * a prefix to a mirror, as git's `insteadOf` does, the mirror is asked, which may be on this machine. Pure; used by `git.ts`.
 */
import { isIP } from 'node:net'
import { AppError } from '../base/errors.ts'

/** A mirror: what begins with `prefix` is asked at `to` with the rest behind it. */
export interface SourceMirror {
  /** Begins with https:// and ends with a slash. */
  readonly prefix: string
  /** An https URL, or an http URL on loopback; ends with a slash. */
  readonly to: string
}

/** Where to ask. */
export interface SourceAddress {
  readonly url: string
  /** True: plain http, which only an explicit mirror on this machine may be. */
  readonly loopback: boolean
}

const URL_LENGTH_MAX = 1024

/** `https://host/=http://127.0.0.1:PORT/`. @throws usage.config */
export function parseMirror(text: string): SourceMirror {
  const [, prefix = '', to = ''] = /^(https:\/\/[^=\s]+\/)=(https?:\/\/[^=\s]+\/)$/.exec(text) ?? []
  const [from, target] = [URL.parse(prefix), URL.parse(to)]
  const isFit = from !== null && target !== null && isBare(from) && isBare(target)
  if (!isFit || (target.protocol === 'http:' && !isLoopback(target.hostname))) {
    const wanted = 'https://HOST/=URL/ with an https URL, or an http URL on loopback, both ending with a slash'
    throw new AppError('usage.config', `wanted ${wanted}, found ${JSON.stringify(text.slice(0, 200))}`)
  }
  return { prefix: from.href, to: target.href }
}

/**
 * The address of a repository, by the mirror with the longest prefix that fits.
 * @throws absent.source for what is no https URL of a named host, or holds credentials: nobody else could read it
 */
export function sourceAddress(repository: string, mirrors: readonly SourceMirror[]): SourceAddress {
  const url = repository.length > URL_LENGTH_MAX ? null : URL.parse(repository)
  if (url === null || url.protocol !== 'https:' || !isBare(url)) {
    throw new AppError('absent.source', `wanted an https URL without credentials, found ${shown(repository)}`)
  }
  const [mirror] = mirrors
    .filter(({ prefix }) => url.href.startsWith(prefix))
    .toSorted((a, b) => b.prefix.length - a.prefix.length)
  if (mirror !== undefined) {
    return { url: mirror.to + url.href.slice(mirror.prefix.length), loopback: mirror.to.startsWith('http:') }
  }
  if (!isNamedHost(url.hostname)) {
    throw new AppError('absent.source', `wanted a repository on a host with a public name, found ${shown(repository)}`)
  }
  return { url: url.href, loopback: false }
}

function isBare({ username, password, search, hash }: URL): boolean {
  return username === '' && password === '' && search === '' && hash === ''
}

function isLoopback(host: string): boolean {
  return /^127\.\d+\.\d+\.\d+$/.test(host) || host === '[::1]' || host === 'localhost'
}

/** Names of this machine, of its network, and bare addresses are where the services are that nobody outside is meant to reach. */
function isNamedHost(host: string): boolean {
  const bare = host.replace(/\.$/, '')
  if (isIP(bare.replace(/^\[|\]$/g, '')) !== 0 || !bare.includes('.')) return false
  return !/(?:^|\.)(?:localhost|local|internal|intranet|lan|home\.arpa)$/.test(bare)
}

function shown(repository: string): string {
  return JSON.stringify(repository.replace(/\/\/[^/@]*@/, '//…@').slice(0, 200))
}
