/** The only list of ecosystems. Adding one is a folder and a line. */
import { docker } from './docker/docker.ts'
import type { Ecosystem } from './ecosystem.ts'
import { maven } from './maven/maven.ts'
import { npm } from './npm/npm.ts'
import { pypi } from './pypi/pypi.ts'
import { rubygems } from './rubygems/rubygems.ts'

/** Every ecosystem that this node serves. */
export const ecosystems: readonly Ecosystem[] = [docker, npm, maven, pypi, rubygems]
