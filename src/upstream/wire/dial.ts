/** Name look-up for outbound connections: only addresses within reach are handed on, so a public name cannot lead inside. */
import { type LookupAddress, lookup as systemLookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import type { Clock } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import { addressClass } from '../rules/addresses.ts'
import type { Reach } from '../rules/target.ts'

const LIKE = 'like:'

/** For how long a result of a look-up is used again, milliseconds: resolvers are asked once for a burst of connections. */
const LOOKUP_FRESH_MS = 10_000
const LOOKUPS_MAX = 256

/** Looks names up for all addresses. */
export type LookupAll = (
  hostname: string,
  done: (error: NodeJS.ErrnoException | null, found: readonly LookupAddress[]) => void,
) => void

/** One look-up for all who ask for a name at about the same time: many resolvers drop what comes in bursts, for seconds. */
export function sharedLookup(clock: Pick<Clock, 'monotonicMs'>, lookup: LookupAll = lookupAll): LookupAll {
  const kept = new Map<string, { readonly atMs: number; readonly found: Promise<readonly LookupAddress[]> }>()
  return (hostname, done) => {
    const nowMs = clock.monotonicMs()
    let entry = kept.get(hostname)
    if (entry === undefined || nowMs - entry.atMs > LOOKUP_FRESH_MS) {
      const found = new Promise<readonly LookupAddress[]>((resolve, reject) => {
        lookup(hostname, (error, addresses) => (error === null ? resolve(addresses) : reject(error)))
      })
      entry = { atMs: nowMs, found }
      if (kept.size >= LOOKUPS_MAX) kept.clear()
      kept.set(hostname, entry)
      const mine = entry
      found.catch(() => {
        if (kept.get(hostname) === mine) kept.delete(hostname)
      })
    }
    entry.found.then(
      (addresses) => done(null, addresses),
      (error: NodeJS.ErrnoException) => done(error, []),
    )
  }
}

function lookupAll(hostname: string, done: Parameters<LookupAll>[1]): void {
  systemLookup(hostname, { all: true }, (error, found) => done(error, found ?? []))
}

/** True if a connection under `reach` may end at this address. */
export function withinReach(address: string, reach: Reach): boolean {
  const found = addressClass(address)
  return reach === 'any' || found === 'public' || (found !== undefined && found === reach)
}

/** A look-up that leaves out addresses beyond `reach`. It fails with untrusted.reply if none is left. */
export function guardedLookup(reach: Reach, lookup: LookupAll = lookupAll): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, (error, found) => {
      if (error !== null) return callback(error, [])
      const known = found.filter(({ family }) => fits(family, options.family))
      const inReach = known.filter((entry) => withinReach(entry.address, reach))
      if (inReach.length > 0 || !reach.startsWith(LIKE)) return finish(inReach)
      lookup(reach.slice(LIKE.length), (failed, own) => {
        const addresses = new Set(failed === null ? own.map(({ address }) => address) : [])
        finish(known.filter(({ address }) => addresses.has(address)))
      })
    })

    function finish(allowed: readonly LookupAddress[]): void {
      const [first] = allowed
      if (first === undefined) {
        const message = `${hostname} resolves to addresses that are followed only where they are configured`
        callback(new AppError('untrusted.reply', message, { data: { hostname } }), [])
      } else if (options.all === true) {
        callback(null, [...allowed])
      } else {
        callback(null, first.address, first.family)
      }
    }
  }
}

function fits(family: number, wanted: number | 'IPv4' | 'IPv6' | undefined): boolean {
  return wanted === undefined || wanted === 0 || family === (wanted === 'IPv4' ? 4 : wanted === 'IPv6' ? 6 : wanted)
}
