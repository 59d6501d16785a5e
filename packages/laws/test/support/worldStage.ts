/** A world and a source over it, as the laws of sources drive them. */
import type * as Place from "@tidemark/laws/Place"
import * as Scenarios from "@tidemark/laws/Scenarios"
import { verifySource } from "@tidemark/laws/SourceLaws"
import type * as SourceLaws from "@tidemark/laws/SourceLaws"
import * as Upstream from "@tidemark/laws/Upstream"
import * as World from "@tidemark/laws/World"
import type * as WorldSource from "@tidemark/laws/WorldSource"
import * as Effect from "effect/Effect"

type Options = SourceLaws.Options<World.Note, Place.Place>
type Driver = SourceLaws.Made<World.Note, Place.Place, never>["upstream"]

const settle = 20
const tick = 10
/** One page size for all cases, small and uneven. */
const pageSizes = [2, 1, 3]

const driver = (upstream: Upstream.Upstream): Driver => ({
  put: (id, record, lateBy) => upstream.change({ _tag: "Put", id, record, lateBy }),
  remove: (id) => upstream.change({ _tag: "Remove", id, lateBy: 0 }),
  pass: (time) => upstream.change({ _tag: "Pass", time }),
  now: Effect.map(upstream.world, ({ now }) => now),
  visible: Effect.map(upstream.world, World.visible)
})

/** The laws over what makes a source of an upstream. */
export const laws = (
  source: (options: WorldSource.Options) => WorldSource.Source,
  options: Partial<Options> = {}
): ReturnType<typeof verifySource> =>
  verifySource({
    make: Effect.map(Upstream.make(World.make({ settle, tick })), (upstream) => ({
      source: source({ upstream, pageSizes }),
      upstream: driver(upstream)
    })),
    records: Scenarios.note,
    settle,
    tick,
    deletions: true,
    ...options
  })
