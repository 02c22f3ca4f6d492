/** Nominal types. A branded value can only be made by the parser or step that owns the brand; others can only pass it on. */

declare const brand: unique symbol

/** `T` that only code holding the brand `N` may make. Costs nothing at run time. */
export type Brand<T, N extends string> = T & { readonly [brand]: { readonly [K in N]: true } }
