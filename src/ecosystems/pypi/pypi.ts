/**
 * The package index that pip, uv and others install from (`3-registries.md`, "PyPI"). What clients are given is the simple index
 * below the mount; an upstream's base is a simple index too.
 */

import { purlParts } from '../../base/purl.ts'
import type { Ecosystem } from '../ecosystem.ts'
import { canonicalize, formatOf } from './canonicalize.ts'
import { pypiClients } from './clients/clients.ts'
import { PYPI_TYPE, pypiFromPurl, pypiToPurl } from './coordinates.ts'
import { pypiDefaultUrl } from './default-upstream.ts'
import { followPypi } from './lockfiles/follow.ts'
import { pypiLockfiles } from './lockfiles/lockfiles.ts'
import { normalName } from './names.ts'
import { confirmPypi } from './rebuild/confirm.ts'
import { pypiRecipe } from './rebuild/pep517/recipe.ts'
import { sourcePypi } from './rebuild/source.ts'
import { pypiReferences } from './references.ts'
import { refusePypi } from './refuse.ts'
import { pageRequest, pypiReadings, pypiSubject, resolvePypi } from './resolve.ts'
import { PYPI_PREFIX, PYPI_UPSTREAM, pypiRoutes } from './routes.ts'
import { pypiVariant, RELEASES_VIEW, transformPypi } from './transform.ts'
import { comparePypiPrecedence, comparePypiVersions } from './versions.ts'

/** The ecosystem of Python packages. */
export const pypi: Ecosystem = {
  id: PYPI_TYPE,
  osvName: 'PyPI',
  mount: { kind: 'path', prefix: PYPI_PREFIX, clientPath: `${PYPI_PREFIX}/simple` },
  tryLines: ['pip install --index-url {base}/ requests'],
  upstreams: [{ name: PYPI_UPSTREAM, url: pypiDefaultUrl(), share: 'network' }],
  aliases: ['sha512', 'md5'],
  routes: pypiRoutes,
  coordinates: { toPurl: pypiToPurl, fromPurl: pypiFromPurl, namePattern: normalName },
  compareVersions: comparePypiVersions,
  precedence: comparePypiPrecedence,
  resolve: resolvePypi,
  variant: pypiVariant,
  subject: pypiSubject,
  readings: pypiReadings,
  releases: {
    view: RELEASES_VIEW,
    statesTimes: true,
    marksHidden: true,
    index: (purl, upstream, context) =>
      upstream === PYPI_UPSTREAM ? pageRequest(normalName(purlParts(purl).name), context) : undefined,
  },
  transform: transformPypi,
  refuse: refusePypi,
  references: pypiReferences,
  lockfiles: pypiLockfiles,
  follow: followPypi,
  clients: pypiClients,
  formatOf,
  rebuild: { ...canonicalize, source: sourcePypi, confirm: confirmPypi, recipe: pypiRecipe },
}
