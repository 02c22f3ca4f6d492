/**
 * One long walk through all rules, whose end is one hash: that of the state and of every entry. Run as a script it prints it, and
 * under what locale and time zone it ran, so that those and versions of Node can be compared. Usage: node test/kit/consensus-scenario.ts
 */
import { domainHash } from '../../src/base/crypto/domain-hash.ts'
import { createToyNetwork, honest, namesOf, TOY_NETWORK } from './consensus-network.ts'
import { sampleOffer, sampleResult } from './sample-entries.ts'

/** The hash, in hex. */
export function playScenario(): string {
  const network = createToyNetwork({ organisations: 9 })
  network.build('a', 'pkg:toy/I%C4%B1%C5%9F@1', honest)
  const captured = network.build('b', 'pkg:toy/zebra@1', () => sampleResult('evil', 'upstream'))
  network.build('c', 'pkg:toy/%C3%A4pple@1', (name) => (name < 'e' ? honest() : sampleResult('other')))
  network.block([network.dispute('d', 'pkg:toy/zebra@1', captured.request)])
  const request = network.entries.at(-1)?.name ?? ''
  network.drawAsked(request)
  network.vetted(request, 1, honest)
  const offer = sampleOffer('i-new', { network: TOY_NETWORK, roles: ['builder'] })
  const change = { action: 'admit', offer } as const
  network.block([network.propose('a', change), ...['b', 'c'].map((name) => network.vote(name, change))])
  network.block([], 86_400)
  network.block([], 3600)
  network.block(namesOf(4).map((name) => network.revoke(name, 'pkg:toy/zebra@1')))
  network.build('i-new', 'pkg:toy/late@1', (name) => (name === 'c' ? undefined : honest()))
  network.wait(100_000)
  const entries = network.entries.map(({ name }) => name).join()
  return Buffer.from(domainHash('pyrsia/scenario/1', [network.machine.root(network.state()), entries])).toString('hex')
}

if (import.meta.main) {
  const { locale } = Intl.DateTimeFormat().resolvedOptions()
  const sorted = ['z', 'å'].sort((a, b) => a.localeCompare(b)).join(' ')
  const offset = new Date(0).getTimezoneOffset()
  process.stdout.write(`${JSON.stringify({ root: playScenario(), locale, sorted, offset })}\n`)
}
