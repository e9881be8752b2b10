//! Values as this engine takes them.

/// A text to look for, unless it holds what no text in PostgreSQL does: then nothing has it.
pub(crate) fn storable(text: String) -> Option<String> {
    (!text.contains('\0')).then_some(text)
}

/// One value of each item, as a statement takes many rows at once.
pub(crate) fn column<T, V>(items: &[T], value: impl FnMut(&T) -> V) -> Vec<V> {
    items.iter().map(value).collect()
}
