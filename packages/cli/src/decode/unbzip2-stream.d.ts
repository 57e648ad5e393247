/** The package has no types of its own; this is the part we use. */
declare module 'unbzip2-stream' {
  function unbzip2(): NodeJS.ReadWriteStream
  export = unbzip2
}
