/** Runs of a source as the engine makes them: pages in order, and what a lane would remember. */
import * as Lane from "@tidemark/core/model/Lane"
import type * as Observation from "@tidemark/core/model/Observation"
import type * as Page from "@tidemark/core/model/Page"
import * as Subscription from "@tidemark/core/model/Subscription"
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

export const subscription = Subscription.make({
  id: "accounts",
  tenant: "acme",
  connection: { provider: "salesforce", account: "00D000000000001EAA" },
  entity: "account"
})

export const lane = Lane.live(subscription)

export type Read<A, C> = ReadonlyArray<Page.Page<A, C, Observation.Observation<A, C>>>

/** One run, or its first `most` pages: what a crash leaves. */
export const read = <A, C>(
  source: ChangeSource.Fetching<A, C>,
  options: { readonly from: C | undefined; readonly settle: number; readonly most?: number } & Pick<
    ChangeSource.ReadOptions<C>,
    "unreadSince"
  >
): Effect.Effect<Read<A, C>, ChangeSource.SourceError> =>
  source
    .read({ lane, from: options.from, settle: Duration.seconds(options.settle), unreadSince: options.unreadSince })
    .pipe(Stream.take(options.most ?? Number.MAX_SAFE_INTEGER), Stream.runCollect)

export const observations = <A, C>(pages: Read<A, C>) => pages.flatMap((page) => page.observations)

/** Positions in the order they left, marks included. */
export const positions = <A, C>(pages: Read<A, C>): Array<C> =>
  pages.flatMap((page) => [
    ...page.observations.flatMap(({ position }) => (position === undefined ? [] : [position])),
    ...(page.mark === undefined ? [] : [page.mark.position])
  ])

/** Where the lane stands after all of it was committed. */
export const committed = <A, C>(from: C | undefined, pages: Read<A, C>): C | undefined =>
  positions(pages).at(-1) ?? from
