/** Name look-up for outbound connections: only addresses within reach are handed on, so a public name cannot lead inside. */
import { lookup as systemLookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { AppError } from '../../base/errors.ts'
import { addressClass } from '../rules/addresses.ts'
import type { Reach } from '../rules/target.ts'

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
      const allowed = found.filter((entry) => withinReach(entry.address, reach))
      const [first] = allowed
      if (first === undefined) {
        const message = `${hostname} resolves to addresses that are followed only where they are configured`
        return callback(new AppError('untrusted.reply', message, { data: { hostname } }), [])
      }
      if (options.all === true) return callback(null, allowed)
      return callback(null, first.address, first.family)
    })
  }
}
