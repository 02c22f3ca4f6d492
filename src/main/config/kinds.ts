/**
 * Kinds of setting values: how each is written by people and read by the program. Used by the settings table; pure.
 * Every `parse` throws `usage.config` with what was wanted and what was found; the table adds the setting's name.
 */
import { AppError } from '../../base/errors.ts'
import { formatVkey, readVkey, type Vkey } from '../../base/network/vkey.ts'
import { SHARE_LEVELS, type ShareLevel } from '../../base/share.ts'
import type { AskedWitness } from '../../log/witness/ask-witness.ts'
import { parseMirror, type SourceMirror } from '../../sources/mirrors.ts'

/** A kind of value. */
export interface Kind<T> {
  /** What stands for the value in help texts, e.g. `SIZE`; empty for switches. */
  readonly placeholder: string
  /** For the reference page: what may be written. */
  readonly explains: string
  /** @throws usage.config */
  parse(text: string): T
  format(value: T): string
}

/** Text of at most 1,024 characters without control characters. */
export function textKind(placeholder: string, explains: string): Kind<string> {
  return {
    placeholder,
    explains,
    parse(text) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
      if (text === '' || text.length > 1024 || /[\u0000-\u001f\u007f]/.test(text)) throw refused(explains, text)
      return text
    },
    format: (value) => value,
  }
}

/** Text of one form, for what would be ignored or found out late if it were mistyped. */
function formKind(placeholder: string, explains: string, form: RegExp): Kind<string> {
  const { parse, format } = textKind(placeholder, explains)
  return {
    placeholder,
    explains,
    parse(text) {
      if (!form.test(parse(text))) throw refused(explains, text)
      return text
    },
    format,
  }
}

/** The id of a peer: an Ed25519 key, which is the only kind that nodes have. A mistyped one would trust, or deny, nobody. */
export const peerIdKind: Kind<string> = formKind(
  'PEER_ID',
  'a peer id such as 12D3Koo… (pyrsia list shows them)',
  /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/,
)

/** An address to listen on for peers. */
export const listenKind: Kind<string> = formKind(
  'MULTIADDR',
  'a multiaddr such as /ip4/0.0.0.0/tcp/7900',
  /^(?:\/ip6zone\/[^/]+)?\/(?:ip4|ip6|dns[46]?)\/[^/]+\/tcp\/[0-9]{1,5}$/,
)

/** A whole number between two bounds, both included. */
export function countKind(placeholder: string, min: number, max: number): Kind<number> {
  const explains = `a whole number from ${min} to ${max}`
  return {
    placeholder,
    explains,
    parse(text) {
      const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN
      if (!(value >= min && value <= max)) throw refused(explains, text)
      return value
    },
    format: String,
  }
}

/** A TCP port; 0 picks a free one. */
export const portKind: Kind<number> = countKind('PORT', 0, 65_535)

/** A switch. */
export const switchKind: Kind<boolean> = {
  placeholder: '',
  explains: 'true or false',
  parse(text) {
    if (text === 'true' || text === '1') return true
    if (text === 'false' || text === '0') return false
    throw refused('true or false', text)
  },
  format: String,
}

/** One of a closed list of words. */
export function choiceKind<T extends string>(placeholder: string, choices: readonly T[]): Kind<T> {
  const explains = `one of ${choices.join(', ')}`
  return {
    placeholder,
    explains,
    parse(text) {
      const found = choices.find((choice) => choice === text)
      if (found === undefined) throw refused(explains, text)
      return found
    },
    format: (value) => value,
  }
}

const SIZE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
}

const SIZE_EXPLAINS = 'a size of 1MB or more such as 500MB, 10GB or 1.5GiB'

/** Less than this holds no package: a unit was forgotten, and every install would fail as if the disk were full. */
const SIZE_BYTES_MIN = 1_000_000

/** A number of bytes, written with a unit. */
export const sizeKind: Kind<number> = {
  placeholder: 'SIZE',
  explains: SIZE_EXPLAINS,
  parse(text) {
    const bytes = parseBytes(text, SIZE_EXPLAINS)
    if (bytes < SIZE_BYTES_MIN) throw refused(SIZE_EXPLAINS, text)
    return bytes
  },
  format: formatBytes,
}

const RATE_EXPLAINS = 'a rate such as 20MB/s, or unlimited'

/** Bytes per second; undefined: no limit. */
export const rateKind: Kind<number | undefined> = {
  placeholder: 'RATE',
  explains: RATE_EXPLAINS,
  parse(text) {
    if (text === 'unlimited') return undefined
    if (!text.endsWith('/s')) throw refused(RATE_EXPLAINS, text)
    const bytes = parseBytes(text.slice(0, -2), RATE_EXPLAINS)
    if (bytes < 1) throw refused(RATE_EXPLAINS, text)
    return bytes
  },
  format: (value) => (value === undefined ? 'unlimited' : `${formatBytes(value)}/s`),
}

const DURATION_UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

/** Seconds, written with a unit. */
export const durationKind: Kind<number> = {
  placeholder: 'TIME',
  explains: 'a time such as 30s, 5m, 12h or 1d',
  parse(text) {
    const match = /^([0-9]{1,9})([smhd])$/.exec(text)
    if (match === null) throw refused('a time such as 30s, 5m, 12h or 1d', text)
    return Number(match[1]) * (DURATION_UNITS[match[2] ?? ''] ?? 1)
  },
  format(seconds) {
    for (const unit of ['d', 'h', 'm'] as const) {
      const size = DURATION_UNITS[unit] ?? 1
      if (seconds >= size && seconds % size === 0) return `${seconds / size}${unit}`
    }
    return `${seconds}s`
  },
}

/** An upstream as it stands on the command line. */
export interface UpstreamFlag {
  readonly name: string
  readonly url: string
}

/** `NAME=URL`. */
export const upstreamKind: Kind<UpstreamFlag> = {
  placeholder: 'NAME=URL',
  explains: 'NAME=URL with an http or https URL, e.g. docker.io=http://127.0.0.1:5000',
  parse(text) {
    const equals = text.indexOf('=')
    const name = text.slice(0, Math.max(0, equals))
    if (!isUpstreamName(name)) {
      throw refused('NAME=URL, e.g. docker.io=http://127.0.0.1:5000', withoutCredentials(text))
    }
    return { name, url: parseUpstreamUrl(text.slice(equals + 1)) }
  },
  format: (value) => `${value.name}=${value.url}`,
}

/** True for what may name an upstream: a host name, optionally with a port, or a word. */
export function isUpstreamName(text: string): boolean {
  return /^[a-z0-9](?:[a-z0-9._-]{0,200}[a-z0-9])?(?::[0-9]{1,5})?$/i.test(text)
}

/** The base URL of an upstream, without trailing slash. @throws usage.config; credentials in it are refused and not repeated */
export function parseUpstreamUrl(text: string): string {
  const url = URL.parse(text)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw refused('an http or https URL', withoutCredentials(text))
  }
  if (url.username !== '' || url.password !== '') {
    throw new AppError(
      'usage.config',
      'an upstream URL must not hold credentials: write username and password-file into [upstream."name"] of config.toml',
    )
  }
  if (url.search !== '' || url.hash !== '') throw refused('a URL without query and fragment', withoutCredentials(text))
  return url.href.replace(/\/+$/, '')
}

/** A share level. @throws usage.config */
export function parseShareLevel(text: string): ShareLevel {
  const found = SHARE_LEVELS.find((level) => level === text)
  if (found === undefined) throw refused(`one of ${SHARE_LEVELS.join(', ')}`, text)
  return found
}

function parseBytes(text: string, wanted: string): number {
  const match = /^([0-9]{1,16}(?:\.[0-9]{1,6})?)\s*([A-Za-z]{0,3})$/.exec(text)
  const unit = match === null ? undefined : SIZE_UNITS[(match[2] ?? '').toUpperCase()]
  if (match === null || unit === undefined) throw refused(wanted, text)
  const bytes = Math.floor(Number(match[1]) * unit)
  if (!Number.isSafeInteger(bytes)) throw refused(wanted, text)
  return bytes
}

/** Bytes in the largest decimal unit that loses nothing, e.g. `10GB`. */
export function formatBytes(bytes: number): string {
  for (const unit of ['TB', 'GB', 'MB', 'KB'] as const) {
    const size = SIZE_UNITS[unit] ?? 1
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`
  }
  return `${bytes}B`
}

function withoutCredentials(text: string): string {
  return text.replace(/\/\/[^/@]*@/, '//…@')
}

function refused(wanted: string, found: string): AppError {
  return new AppError('usage.config', `wanted ${wanted}, found ${JSON.stringify(found.slice(0, 200))}`)
}

/** Where to listen. */
export interface HostPort {
  readonly host: string
  readonly port: number
}

const HOST_PORT_EXPLAINS = 'HOST:PORT such as 0.0.0.0:7890 or [::]:7890; port 0 picks a free one'

/** `HOST:PORT`; an IPv6 address stands in brackets. */
export const hostPortKind: Kind<HostPort> = {
  placeholder: 'HOST:PORT',
  explains: HOST_PORT_EXPLAINS,
  parse(text) {
    const [, bracketed, plain, port = ''] =
      /^(?:\[([0-9a-fA-F:.%]{2,64})\]|([A-Za-z0-9._-]{1,253})):([0-9]{1,5})$/.exec(text) ?? []
    const host = bracketed ?? plain
    if (host === undefined || Number(port) > 65_535) throw refused(HOST_PORT_EXPLAINS, text)
    return { host, port: Number(port) }
  },
  format: ({ host, port }) => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`),
}

/** An http or https URL without credentials, query and fragment; no trailing slash. */
export const urlKind: Kind<string> = {
  placeholder: 'URL',
  explains: 'an http or https URL',
  parse: parseUpstreamUrl,
  format: (value) => value,
}

/** A log that is cosigned for others: its origin and one key that signs for it. */
export interface WitnessedLog {
  readonly origin: string
  readonly key: Vkey
}

const WITNESS_LOG_EXPLAINS = 'the verifier key of a log, or ORIGIN=VKEY where the key has another name'

/** `VKEY` or `ORIGIN=VKEY`. */
export const witnessLogKind: Kind<WitnessedLog> = {
  placeholder: 'VKEY',
  explains: WITNESS_LOG_EXPLAINS,
  parse(text) {
    const equals = text.lastIndexOf('=', text.indexOf('+'))
    try {
      const key = readVkey(text.slice(equals + 1))
      const origin = equals < 0 ? key.name : text.slice(0, equals)
      if (origin === '' || key.type !== 'ed25519') throw refused(WITNESS_LOG_EXPLAINS, text)
      return { origin, key }
    } catch (cause) {
      throw new AppError('usage.config', refused(WITNESS_LOG_EXPLAINS, text).message, { cause })
    }
  },
  format: ({ origin, key }) => (origin === key.name ? formatVkey(key) : `${origin}=${formatVkey(key)}`),
}

const ASK_WITNESS_EXPLAINS = 'URL=VKEY of a witness: where add-checkpoint is, and its verifier key of type cosignature'

/** `URL=VKEY`. */
export const askWitnessKind: Kind<AskedWitness> = {
  placeholder: 'URL=VKEY',
  explains: ASK_WITNESS_EXPLAINS,
  parse(text) {
    const equals = text.indexOf('=')
    try {
      const key = readVkey(text.slice(equals + 1))
      if (equals < 0 || key.type !== 'cosignature') throw refused(ASK_WITNESS_EXPLAINS, withoutCredentials(text))
      return { url: parseUpstreamUrl(text.slice(0, equals)), key }
    } catch (cause) {
      throw new AppError('usage.config', refused(ASK_WITNESS_EXPLAINS, withoutCredentials(text)).message, { cause })
    }
  },
  format: ({ url, key }) => `${url}=${formatVkey(key)}`,
}

/** `https://HOST/=URL/`. */
export const sourceMirrorKind: Kind<SourceMirror> = {
  placeholder: 'URL=URL',
  explains: 'https://HOST/=URL/ with an https URL, or an http URL on loopback, both ending with a slash',
  parse: parseMirror,
  format: ({ prefix, to }) => `${prefix}=${to}`,
}
