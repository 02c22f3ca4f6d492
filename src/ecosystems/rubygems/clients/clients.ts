/** `gem` and Bundler. Behaviour seen with RubyGems 3.3 and Bundler 2.3. */
import type { ClientSetup } from '../../ecosystem.ts'
import { bundler } from './bundler.ts'
import { gem } from './gem.ts'

/** The stock clients of this ecosystem. */
export const gemClients: readonly ClientSetup[] = [gem, bundler]
