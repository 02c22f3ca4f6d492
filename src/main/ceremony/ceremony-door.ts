/** The ceremony with its effects, for the command line. Code is loaded when it is used. */
import type { CeremonyDoor } from '../../cli/log/ceremony-door.ts'

/** The door for data directories that `directoryOf` names. */
export function createCeremony(
  directoryOf: (data: string | undefined) => string,
  nowSeconds: () => number,
): CeremonyDoor {
  return {
    async part({ data, network, ...wish }) {
      const { makePart, originHere } = await import('./make-part.ts')
      const { systemRandom } = await import('../effects.ts')
      const { ecosystems } = await import('../../ecosystems/index.ts')
      const directory = directoryOf(data)
      const origin = network ?? (await originHere(directory))
      const typesKnown = ecosystems.map(({ id }) => id)
      return makePart({ ...wish, network: origin, typesKnown, serial: nowSeconds() }, directory, systemRandom)
    },
    merge: async (request) => (await import('./merge.ts')).mergeParts(request, nowSeconds()),
    join: async ({ data, ...request }) =>
      (await import('./join.ts')).joinNetwork(request, directoryOf(data), nowSeconds()),
  }
}
