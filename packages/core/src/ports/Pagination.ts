/**
 * Reading page after page without going in circles.
 *
 * A read ends only where the provider says so: an empty or a short page is not
 * an end. A token that comes again would repeat the read for ever, so it ends the
 * read with `NotAdvancing`, as does passing the bound on pages.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { SourceError } from "./ChangeSource.ts"

/** Most pages of one read, unless it says otherwise. @category constants @since 0.1.0 */
export const pagesMax = 100_000

/** @category models @since 0.1.0 */
export interface Answer<out P> {
  readonly page: P
  /** What to ask the next page with; `undefined` at the end. */
  readonly next: string | undefined
}

/**
 * Pages in order, each asked for only when it is wanted.
 *
 * @category constructors
 * @since 0.1.0
 */
export const stream = <P, E, R>(options: {
  readonly source: string
  /** `undefined` asks for the first page. */
  readonly ask: (token: string | undefined) => Effect.Effect<Answer<P>, E, R>
  readonly pagesMax?: number
}): Stream.Stream<P, E | SourceError, R> =>
  Stream.suspend(() => {
    const seen = new Set<string>()
    const bound = options.pagesMax ?? pagesMax
    const fail = (message: string) =>
      Effect.fail(new SourceError({ reason: "NotAdvancing", source: options.source, message }))
    return Stream.paginate(undefined as string | undefined, (token) =>
      Effect.flatMap(options.ask(token), ({ next, page }) => {
        if (next === undefined) return Effect.succeed([[page], Option.none<string | undefined>()] as const)
        if (seen.has(next)) return fail("the provider answered a page token it had answered before")
        seen.add(next)
        if (seen.size >= bound) return fail(`the read did not end within ${bound} pages`)
        return Effect.succeed([[page], Option.some<string | undefined>(next)] as const)
      })
    )
  })
