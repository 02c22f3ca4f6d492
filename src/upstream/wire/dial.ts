/** Name look-up for outbound connections: only addresses within reach are handed on, so a public name cannot lead inside. */
import { type LookupAddress, lookup as systemLookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { AppError } from '../../base/errors.ts'
import { addressClass } from '../rules/addresses.ts'
import type { Reach } from '../rules/target.ts'

const LIKE = 'like:'

/** True if a connection under `reach` may end at this address. */
export function withinReach(address: string, reach: Reach): boolean {
  const found = addressClass(address)
  return reach === 'any' || found === 'public' || (found !== undefined && found === reach)
}

/** A look-up that leaves out addresses beyond `reach`. It fails with untrusted.reply if none is left. */
export function guardedLookup(reach: Reach, lookup: typeof systemLookup = systemLookup): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, [])
      const inReach = found.filter((entry) => withinReach(entry.address, reach))
      if (inReach.length > 0 || !reach.startsWith(LIKE)) return finish(inReach)
      lookup(reach.slice(LIKE.length), { ...options, all: true }, (failed, own) => {
        const addresses = new Set(failed === null ? own.map(({ address }) => address) : [])
        finish(found.filter(({ address }) => addresses.has(address)))
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
