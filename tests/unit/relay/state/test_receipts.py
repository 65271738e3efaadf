from relay.state import State


def test_a_receipt_is_due_until_one_tells_of_every_change(home):
    with State(home.database) as state, state.transaction():
        assert state.receipts.find_untold_changes() is None
        state.receipts.note_change()
        assert state.receipts.find_untold_changes() == 1
        state.receipts.note_change()
        state.receipts.note_told(1)  # made before the second change
        assert state.receipts.find_untold_changes() == 2
        state.receipts.note_told(2)
        assert state.receipts.find_untold_changes() is None
        state.receipts.note_told(1)  # by another process, which was slower
        assert state.receipts.find_untold_changes() is None


def test_the_serial_is_that_of_the_newest_receipt(home):
    with State(home.database) as state:
        assert state.receipts.load_last_serial() == 0
        with state.transaction():
            state.receipts.save_last_serial(7)
            state.receipts.save_last_serial(9)
        assert state.receipts.load_last_serial() == 9
