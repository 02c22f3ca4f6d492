/**
 * The registry that npm, pnpm, yarn and others install from (`3-registries.md`, "npm"). It has a port of its own: below a path
 * the stock client loses the path for lock entries without `resolved`.
 */
import type { Ecosystem } from '../ecosystem.ts'
import { auditBody } from './audit.ts'
import { canonicalize, formatOf } from './canonicalize.ts'
import { npmClients } from './clients/clients.ts'
import { NPM_TYPE, npmFromPurl, npmReadings, npmToPurl } from './coordinates.ts'
import { npmDefaultUrl } from './default-upstream.ts'
import { npmLockfiles } from './lockfiles.ts'
import { npmNotice, npmSubject, RELEASES_VIEW } from './packument/releases.ts'
import { confirmNpm } from './rebuild/confirm.ts'
import { npmRecipe } from './rebuild/recipe.ts'
import { npmSource } from './rebuild/source.ts'
import { npmReferences } from './references.ts'
import { refuseNpm } from './refuse.ts'
import { packumentIndex, resolveNpm } from './resolve.ts'
import { NPM_UPSTREAM, npmRoutes } from './routes.ts'
import { npmVariant, transformNpm } from './transform.ts'
import { compareNpmPrecedence, compareNpmVersions } from './versions.ts'

/** The ecosystem of JavaScript packages. */
export const npm: Ecosystem = {
  id: NPM_TYPE,
  osvName: 'npm',
  mount: { kind: 'port', setting: 'npm-port', defaultPort: 4873 },
  tryLines: ['npm install express --registry {base}/'],
  upstreams: [{ name: NPM_UPSTREAM, url: npmDefaultUrl(), share: 'network' }],
  aliases: ['sha512', 'sha1'],
  routes: npmRoutes,
  coordinates: { toPurl: npmToPurl, fromPurl: npmFromPurl },
  compareVersions: compareNpmVersions,
  precedence: compareNpmPrecedence,
  resolve: resolveNpm,
  variant: npmVariant,
  subject: npmSubject,
  readings: npmReadings,
  releases: { view: RELEASES_VIEW, statesTimes: true, index: packumentIndex },
  relayBody: auditBody,
  notice: npmNotice,
  transform: transformNpm,
  refuse: refuseNpm,
  references: npmReferences,
  lockfiles: npmLockfiles,
  clients: npmClients,
  formatOf,
  rebuild: { source: npmSource, confirm: confirmNpm, recipe: npmRecipe, ...canonicalize },
}
