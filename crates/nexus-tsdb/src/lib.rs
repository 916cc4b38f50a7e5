//! The native half of the embedded metric store: which series there are (`index`), the newest samples (`head`), what makes
//! them durable (`log`), how they are packed for the engine's tables (`chunk`), and the view of both that queries read.

pub mod answers;
pub mod chunk;
pub mod engine;
pub mod export;
pub mod head;
pub mod index;
pub mod log;
pub mod view;
