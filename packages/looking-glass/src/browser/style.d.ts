/** Style sheets are bundled by esbuild; to the compiler they are modules without a value. */
declare module '*.css'
