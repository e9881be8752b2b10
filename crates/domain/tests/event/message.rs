use portcullis_domain::message::schemas;

/// What other systems rely on: read a change of it, and take the snapshot anew.
#[test]
fn the_published_shapes_are_the_ones_that_were_reviewed() {
    for schema in schemas() {
        insta::assert_snapshot!(format!("message.{}", schema.event_type), format!("{:#}", schema.data));
    }
}
