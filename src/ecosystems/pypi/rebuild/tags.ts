/** Where projects put the source of a release: repositories by what their metadata calls them, and names of tags. Pure. */
import { type RepositoryPlace, repositoryPlace } from '../../../base/rebuild/repository-url.ts'
import { normalName } from '../names.ts'
import { normalVersion } from '../versions.ts'

const REPOSITORIES_MAX = 3
/** What people call the link to their source, beside any page of a host of repositories. */
const IS_SOURCE = /^(?:source|source ?code|sources|repository|repo|code|git|github|gitlab|codeberg|vcs)$/
/** Links that lead to what is not the project's own. */
const IS_OTHER =
  /^(?:funding|sponsor|donate|donations?|twitter|mastodon|chat|discord|security|issues?|bug tracker|tracker)$/

/** A repository and the field that named it. */
export interface NamedRepository extends RepositoryPlace {
  readonly label: string
}

/** Repositories of a project, likeliest first. */
export function repositoriesOf(
  urls: ReadonlyArray<{ readonly label: string; readonly url: string }>,
): NamedRepository[] {
  const ranked: Array<{ readonly rank: number; readonly place: NamedRepository }> = []
  for (const { label, url } of urls) {
    const place = repositoryPlace(url)
    const word = label
      .toLowerCase()
      .replaceAll(/[^a-z ]+/g, ' ')
      .trim()
    if (place === undefined) continue
    if (IS_SOURCE.test(word)) ranked.push({ rank: 0, place: { ...place, label } })
    else if (place.isForge) ranked.push({ rank: IS_OTHER.test(word) ? 2 : 1, place: { ...place, label } })
  }
  const found = new Map<string, NamedRepository>()
  for (const { place } of ranked.toSorted((a, b) => a.rank - b.rank)) {
    if (!found.has(place.repository)) found.set(place.repository, place)
  }
  return [...found.values()].slice(0, REPOSITORIES_MAX)
}

/**
 * Names of tags that a release may have, likeliest first: those that name the package stand first where the repository has another
 * name, since it may hold several packages.
 */
export function tagsOf(name: string, version: string, repository: string): [string, ...string[]] {
  const plain = spellingsOf(version)
  const names = [...new Set([name, normalName(name), normalName(name).replaceAll('-', '_')])]
  const own = plain.flatMap((each) =>
    names.flatMap((word) => [
      `${word}-v${each}`,
      `${word}-${each}`,
      `${word}/v${each}`,
      `${word}/${each}`,
      `${word}@${each}`,
      `${word}==${each}`,
      `${word}_v${each}`,
    ]),
  )
  const common = plain.flatMap((each) => [
    `v${each}`,
    each,
    `release-${each}`,
    `release/${each}`,
    `rel-${each}`,
    `V${each}`,
    `version-${each}`,
  ])
  const underscored = version.replaceAll('.', '_')
  const rare = [`v${underscored}`, `release_${underscored}`, `rel_${underscored}`, `REL_${underscored}`, underscored]
  const basename = normalName(repository.slice(repository.lastIndexOf('/') + 1).replace(/\.git$/, ''))
  const isAlone =
    basename === normalName(name) || basename.replace(/^(?:python|py)-?|-?(?:python|py)$/g, '') === normalName(name)
  const [first = version, ...rest] = new Set(isAlone ? [...common, ...own, ...rare] : [...own, ...common, ...rare])
  return [first, ...rest]
}

/** Spellings of one version: as stated, normal, `1.0-rc1`, `1.0.rc1`, and without zeros at the end. */
function spellingsOf(version: string): string[] {
  const normal = normalVersion(version)
  const spelled = [version, normal]
  const [, release, pre] = /^(\d+(?:\.\d+)*)((?:a|b|rc)\d+)$/.exec(normal) ?? []
  if (release !== undefined)
    spelled.push(`${release}-${pre}`, `${release}.${pre}`, `${release}-${pre?.replace(/(\d+)$/, '.$1')}`)
  if (/^\d+(?:\.\d+)+$/.test(normal)) {
    const short = normal.replace(/(?:\.0)+$/, '')
    if (short !== normal && short.includes('.')) spelled.push(short)
    if (/^\d+\.\d+$/.test(normal)) spelled.push(`${normal}.0`)
  }
  return [...new Set(spelled)]
}
