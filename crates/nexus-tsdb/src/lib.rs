//! The native half of the embedded metric store: which series there are (`index`), the newest samples (`head`), what makes
//! them durable (`log`), how they are packed for the engine's tables (`chunk`), the `engine` over these, the `view` of it that
//! queries read, `answers` about series, and `export` of samples in the encodings of other systems.

pub mod answers;
pub mod chunk;
pub mod engine;
pub mod export;
pub mod head;
pub mod index;
pub mod log;
pub mod view;
