/**
 * What an application brings to the commands that it mounts: its feeds, and the
 * store that its lanes are kept in. A command asks for no more than it needs: one
 * that only looks at the store asks for no feeds, so no source has to be named.
 *
 * @since 0.1.0
 */
import type * as Sync from "@tidemark/core/engine/Sync"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Feed from "./Feed.ts"
import type * as Problem from "./Problem.ts"
import type * as Store from "./Store.ts"

/** @category services @since 0.1.0 */
export class Application extends Context.Service<
  Application,
  {
    /**
     * The feeds that were asked for. All that can be wrong with the call is looked
     * at here, for every feed, and nothing is written.
     */
    readonly feeds: Effect.Effect<ReadonlyArray<Feed.Feed>, Problem.Problem>
    /** The ports, to read from. Where nothing was set up yet, nothing is there; nothing is made. */
    readonly reading: Layer.Layer<Feed.Reading, Problem.Problem>
    /** The ports, once their tables are made or brought up to date. */
    readonly writing: Layer.Layer<Sync.Ports, Problem.Problem>
    /** How far the engine's tables are made. Nothing is made to tell it, no database either. */
    readonly standing: Effect.Effect<Store.Standing, Problem.Problem>
    /** Makes the engine's tables or brings them up to date. */
    readonly migrate: Effect.Effect<void, Problem.Problem>
    /** The store to look at. Asked for once `standing` has told that its tables are there. */
    readonly store: Effect.Effect<Store.Store, Problem.Problem>
  }
>()("@tidemark/cli/Application") {}
