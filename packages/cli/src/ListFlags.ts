/**
 * Flags that lists share.
 *
 * @since 0.1.0
 */
import * as Listing from "@tidemark/core/ports/Listing"
import * as Schema from "effect/Schema"
import * as Flag from "effect/cli/Flag"

/** How many entries, up to the most that a store answers at once. @category flags @since 0.1.0 */
export const limit = (description: string, otherwise: number) =>
  Flag.Int("limit").pipe(
    Flag.withDescription(`${description}, up to ${Listing.limitMax}`),
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: Listing.limitMax }))),
    Flag.withDefault(otherwise)
  )

/** By what people call a feed. @category flags @since 0.1.0 */
export const object = (description: string) =>
  Flag.String("object").pipe(Flag.withDescription(description), Flag.optional)

/** Where the next piece begins. @category flags @since 0.1.0 */
export const before = (description: string) =>
  Flag.String("before").pipe(Flag.withDescription(description), Flag.optional)

/** @category flags @since 0.1.0 */
export const json = (description: string) =>
  Flag.Boolean("json").pipe(Flag.withDescription(description), Flag.withDefault(false))
