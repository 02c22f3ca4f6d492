/**
 * What kind of address an IP address is: only public ones may be connected to on another's word. Pure arithmetic on the
 * text forms that URLs and resolvers yield; called by `target.ts` (literals) and `dial.ts` (results of look-ups).
 */

/** `special`: link-local, multicast, unspecified, documentation and other ranges that no registry lives in. */
export type AddressClass = 'public' | 'loopback' | 'private' | 'special'

/** The class of an IPv4 or IPv6 address (no brackets, no zone); undefined if `text` is not an address. */
export function addressClass(text: string): AddressClass | undefined {
  const four = parseFour(text)
  if (four !== undefined) return classOfFour(four)
  const six = parseSix(text)
  return six === undefined ? undefined : classOfSix(six)
}

// RFC 6890 and the IANA special-purpose registry; [prefix, bits, class].
const FOUR: readonly (readonly [string, number, AddressClass])[] = [
  ['0.0.0.0', 8, 'special'],
  ['10.0.0.0', 8, 'private'],
  ['100.64.0.0', 10, 'private'],
  ['127.0.0.0', 8, 'loopback'],
  ['169.254.0.0', 16, 'special'],
  ['172.16.0.0', 12, 'private'],
  ['192.0.0.0', 24, 'special'],
  ['192.0.2.0', 24, 'special'],
  ['192.88.99.0', 24, 'special'],
  ['192.168.0.0', 16, 'private'],
  ['198.18.0.0', 15, 'special'],
  ['198.51.100.0', 24, 'special'],
  ['203.0.113.0', 24, 'special'],
  ['224.0.0.0', 3, 'special'],
]

function classOfFour(address: number): AddressClass {
  for (const [prefix, bits, found] of FOUR) {
    const span = 2 ** (32 - bits)
    if (Math.floor(address / span) === Math.floor((parseFour(prefix) ?? 0) / span)) return found
  }
  return 'public'
}

function classOfSix(groups: readonly number[]): AddressClass {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = groups
  const low = g * 65_536 + h
  const lowOnly = a === 0 && b === 0 && c === 0 && d === 0
  if (lowOnly && e === 0 && f === 0) return low === 1 ? 'loopback' : 'special'
  // Mapped, translated and tunnelled IPv4 addresses are what they carry.
  if (lowOnly && e === 0 && f === 0xffff) return classOfFour(low)
  if (a === 0x64 && b === 0xff9b) return c === 0 && d === 0 && e === 0 && f === 0 ? classOfFour(low) : 'special'
  if (a === 0x2002) return classOfFour(b * 65_536 + c)
  if ((a & 0xfe00) === 0xfc00) return 'private'
  // Only 2000::/3 is global unicast; of it, Teredo and documentation are not places to connect to.
  if ((a & 0xe000) !== 0x2000 || (a === 0x2001 && (b === 0 || b === 0xdb8)) || a === 0x3fff) return 'special'
  return 'public'
}

function parseFour(text: string): number | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number)
  if (parts === undefined || parts.some((part) => part > 255)) return undefined
  return parts.reduce((sum, part) => sum * 256 + part, 0)
}

function parseSix(text: string): number[] | undefined {
  if (!text.includes(':')) return undefined
  const tail = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text)
  const four = tail === null ? undefined : parseFour(tail[2] ?? '')
  if (tail !== null && four === undefined) return undefined
  const plain =
    four === undefined ? text : `${tail?.[1]}${Math.floor(four / 65_536).toString(16)}:${(four % 65_536).toString(16)}`
  const halves = plain.split('::')
  if (halves.length > 2) return undefined
  const [head = [], rest = []] = halves.map((half) => (half === '' ? [] : half.split(':')))
  const missing = 8 - head.length - rest.length
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined
  const words = [...head, ...new Array<string>(missing).fill('0'), ...rest]
  return words.every((word) => /^[0-9a-f]{1,4}$/i.test(word))
    ? words.map((word) => Number.parseInt(word, 16))
    : undefined
}
