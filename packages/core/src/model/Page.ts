/**
 * What a source emits at once: observations in arrival order, then perhaps a mark.
 *
 * A mark `c` says that everything up to `c` has been emitted, in this page or
 * before it: the end of a window, a keep-alive, a complete scan. A page without
 * observations carries a mark.
 *
 * @since 0.1.0
 */
import type * as Observation from "./Observation.ts"

/** @category models @since 0.1.0 */
export interface Page<out A, out C, out O = Observation.Observation<A, C>> {
  readonly observations: ReadonlyArray<O>
  readonly mark: { readonly position: C } | undefined
}

/** @category constructors @since 0.1.0 */
export const make = <O extends { readonly position: unknown }>(
  observations: ReadonlyArray<O>
): Page<never, Exclude<O["position"], undefined>, O> => ({ observations, mark: undefined })

/** @category constructors @since 0.1.0 */
export const mark = <C>(position: C): Page<never, C, never> => ({ observations: [], mark: { position } })
