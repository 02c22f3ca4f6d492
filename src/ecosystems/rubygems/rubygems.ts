/**
 * The registry that `gem` and Bundler install from (`3-registries.md`, "RubyGems"): the compact index, the older indexes beside
 * it, and every file checked against the sha256 that the index states.
 */
import { purlParts } from '../../base/purl.ts'
import type { Ecosystem } from '../ecosystem.ts'
import { gemClients } from './clients/clients.ts'
import { RELEASES_VIEW } from './compact-index.ts'
import { GEM_TYPE, gemFromPurl, gemToPurl } from './coordinates.ts'
import { gemDefaultUrl } from './default-upstream.ts'
import { gemLockfiles } from './lockfiles.ts'
import { isGemName } from './names.ts'
import { gemReferences } from './references.ts'
import { refuseGem } from './refuse.ts'
import { gemReadings, gemSubject, infoRequest, resolveGem } from './resolve.ts'
import { GEM_UPSTREAM, gemRoutes } from './routes.ts'
import { PACKAGES_VIEW } from './specs.ts'
import { gemVariant, transformGem } from './transform.ts'
import { compareGemPrecedence, compareGemVersions } from './versions.ts'

/** The ecosystem of Ruby's gems. */
export const rubygems: Ecosystem = {
  id: GEM_TYPE,
  osvName: 'RubyGems',
  mount: { kind: 'path', prefix: '/rubygems', clientPath: '/rubygems' },
  tryLines: ['gem install rake --clear-sources --source {base}/'],
  upstreams: [{ name: GEM_UPSTREAM, url: gemDefaultUrl(), share: 'network' }],
  aliases: [],
  routes: gemRoutes,
  coordinates: { toPurl: gemToPurl, fromPurl: gemFromPurl },
  compareVersions: compareGemVersions,
  precedence: compareGemPrecedence,
  resolve: resolveGem,
  subject: gemSubject,
  readings: gemReadings,
  releases: {
    view: RELEASES_VIEW,
    statesTimes: true,
    packagesView: PACKAGES_VIEW,
    index(purl, upstream, context) {
      const { name } = purlParts(purl)
      return upstream === GEM_UPSTREAM && isGemName(name) ? infoRequest(name, context) : undefined
    },
  },
  variant: gemVariant,
  transform: transformGem,
  refuse: refuseGem,
  references: gemReferences,
  lockfiles: gemLockfiles,
  clients: gemClients,
}
