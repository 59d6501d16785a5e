/**
 * An HTTP client that checks where it connects to; needs Node.
 *
 * @since 0.1.0
 */
export * as GuardedHttpClient from "./GuardedHttpClient.ts"
